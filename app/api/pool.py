"""Threads for imaging, and how long what waits for them will take."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any, TypeVar, cast

from app.errors import ServiceError

T = TypeVar("T")
SMOOTHING = 0.1  # of the measured time of a piece of work: about the last ten count


class Pool:
    """A thread pool that knows its own drain rate. To be used from one event loop."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="imaging")
        self._unfinished = 0
        self._piece_seconds = 0.0

    @property
    def wait_seconds(self) -> float:
        """How long a new piece of work would wait for a thread, by the measured speed."""
        return max(0, self._unfinished - self._count) * self._piece_seconds / self._count

    async def run(self, work: Callable[..., T], *arguments: Any, deadline: float | None = None) -> T:
        """What `work` returns or raises; TimeoutError at `deadline`, on the event loop's clock."""
        self._unfinished += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(_timed, work, *arguments))
        running.add_done_callback(self._learn)
        async with asyncio.timeout_at(deadline):
            result, error, _ = await running
        if error is not None:
            raise error
        return cast(T, result)  # where there is no error, there is one

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _learn(self, done: "asyncio.Future[Any]") -> None:
        self._unfinished -= 1
        if not done.cancelled():
            seconds = done.result()[2]
            known = self._piece_seconds or seconds
            self._piece_seconds = known + SMOOTHING * (seconds - known)


def _timed(work: Callable[..., T], *arguments: Any) -> tuple[T | None, Exception | None, float]:
    started = perf_counter()
    try:
        return work(*arguments), None, perf_counter() - started
    except ServiceError as error:
        return None, error.bare(), perf_counter() - started
    except Exception as error:
        return None, error, perf_counter() - started
