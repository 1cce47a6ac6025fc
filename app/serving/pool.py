"""Processes for what may take long: how long what waits for them will take, and what becomes of one that breaks."""

import asyncio
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TypeVar, cast

import structlog

from app.budget import allowed_seconds
from app.errors import CallerGone, QueueFull, ServiceError, StartError, Undecodable
from app.serving import child
from app.serving.child import LENGTH, LENGTHS, READY, Job, Reply
from app.serving.context import IsGone, RequestContext, never

log = structlog.get_logger()

T = TypeVar("T")
SMOOTHING = 0.25  # of the measured time of a job: about the last four count
TOGETHER = 65_536  # bytes that are worth copying to save a write
PATIENCE = 3.0  # times the estimated work, in CPU seconds, before a job is ended with its process
LEAST_CPU_SECONDS = 2.0
RETRY_SECONDS = 1.0
ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "OPENBLAS_NUM_THREADS": "1",
    # Pictures' memory is kept from one to the next: to get it anew takes a third of the time. `child` gives it back.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


class Waiting(NamedTuple):
    """A job in the queue, and who waits for its answer."""

    job: bytes
    body: bytes
    is_gone: IsGone
    answer: "asyncio.Future[Any]"


class Process:
    """One process and its queue. What is cancelled while it waits is not begun; what runs is counted to its end."""

    def __init__(self, modules: Sequence[str] = ()) -> None:
        """`modules` have the functions that its jobs name; they are loaded before the first comes."""
        self._modules = modules
        self._queue: deque[Waiting] = deque()
        self._queued = asyncio.Event()
        self._job_seconds = 0.0
        self._running_since: float | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def wait_seconds(self) -> float:
        """How long a new job would wait, by the measured speed; what runs may take as long again as it has."""
        if self._running_since is None:
            return 0.0
        usual = max(self._job_seconds, perf_counter() - self._running_since)
        return usual * (1 + sum(not waiting.answer.done() for waiting in self._queue))

    async def run(
        self,
        work: Callable[..., T],
        *arguments: Any,
        body: bytes = b"",
        deadline: float | None = None,
        is_gone: IsGone = never,
    ) -> T:
        """What `work(body, *arguments)` returns or raises; TimeoutError at `deadline`, on the event loop's clock.

        Raises CallerGone where nobody waits any more when its turn comes, Undecodable where it broke the process.
        """
        answer = self.send(work, *arguments, body=body, is_gone=is_gone)
        timer = None
        if deadline is not None and deadline < math.inf:
            timer = asyncio.get_running_loop().call_at(deadline, _expire, answer)
        try:
            return cast(T, await answer)
        finally:
            if timer is not None:
                timer.cancel()
            del answer  # which holds its error, and that, by its traceback, this frame: a cycle, and the body in it

    def send(
        self, work: Callable[..., Any], *arguments: Any, body: bytes = b"", is_gone: IsGone = never
    ) -> "asyncio.Future[Any]":
        """Queue a job, and do not wait for it."""
        cpu_seconds = LEAST_CPU_SECONDS + PATIENCE * allowed_seconds(len(body), many=True)
        job = pickle.dumps(Job(work, arguments, cpu_seconds), pickle.HIGHEST_PROTOCOL)
        answer = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(job, body, is_gone, answer))
        self._queued.set()
        return answer

    def start(self) -> None:
        """Start it; `begin` must follow."""
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        with theirs:
            # By its path, and with -P: in the user's folder there may be another `app`.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from {child.__name__} import main; main()", *self._modules],
                stdin=theirs.fileno(),
                env=os.environ | ENVIRONMENT,
            )

    async def begin(self) -> None:
        """Wait until it is ready, and let it work. Raises StartError."""
        await self._ready()
        self._serving = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """End it; what it was doing is cut off."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
        self._end()

    async def _ready(self) -> None:
        try:
            await self._receive(len(READY))
        except (ConnectionError, EOFError) as error:
            raise StartError(f"a process for pictures could not start ({self._end()}); see what it printed") from error

    def _end(self) -> str:
        """How it ended."""
        self._channel.close()
        self._process.kill()  # where it has not ended by itself
        status = self._process.wait()
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    async def _serve(self) -> None:
        while True:
            await self._queued.wait()
            waiting = self._queue.popleft()
            if not self._queue:
                self._queued.clear()
            if waiting.is_gone() and not waiting.answer.done():
                waiting.answer.set_exception(CallerGone())
            if not waiting.answer.done():
                self._running_since = perf_counter()
                await self._work(waiting)
                self._learn(perf_counter() - self._running_since)
                self._running_since = None

    async def _work(self, waiting: Waiting) -> None:
        try:
            result, error = await self._exchanged(waiting.job, waiting.body)
        except (ConnectionError, EOFError):
            error = await self._replaced()
        if waiting.answer.done():
            return
        if error is None:
            waiting.answer.set_result(result)
        else:
            waiting.answer.set_exception(error)

    async def _exchanged(self, job: bytes, body: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        head = LENGTHS.pack(len(job), len(body)) + job
        if len(body) <= TOGETHER:
            await loop.sock_sendall(self._channel, head + body)
        else:
            await loop.sock_sendall(self._channel, head)
            await loop.sock_sendall(self._channel, body)
        (length,) = LENGTH.unpack(await self._receive(LENGTH.size))
        answer: Reply = pickle.loads(await self._receive(length))
        return answer

    async def _receive(self, size: int) -> bytearray:
        """So many bytes. Raises EOFError where the process has ended."""
        loop, data = asyncio.get_running_loop(), bytearray()
        while len(data) < size:
            received = await loop.sock_recv(self._channel, min(size - len(data), 1 << 20))
            if not received:
                raise EOFError
            data += received
        return data

    async def _replaced(self) -> Exception:
        """Start another process in place of one that broke, and say what its job is told."""
        cause = self._end()
        log.error("a process for pictures was broken by its job and is replaced", cause=cause)
        self.start()
        while True:
            try:
                await self._ready()
                return Undecodable(f"this broke the process that read it ({cause}); save it anew, or send it smaller")
            except StartError as error:  # what waits goes on waiting, to its deadline
                log.error("no process for pictures", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self.start()

    def _learn(self, seconds: float) -> None:
        known = self._job_seconds or seconds
        self._job_seconds = known + SMOOTHING * (seconds - known)


class Pool:
    """So many processes; a job goes to the one where it waits least."""

    def __init__(self, processes: int, modules: Sequence[str], max_wait_seconds: float = math.inf) -> None:
        """`modules` have the functions that jobs name."""
        self._processes = [Process(modules) for _ in range(processes)]
        self._max_wait_seconds = max_wait_seconds

    def start(self) -> None:
        """`begin` must follow."""
        for process in self._processes:
            process.start()

    async def begin(self) -> None:
        """Wait until all are ready. Raises StartError."""
        for process in self._processes:
            await process.begin()

    async def close(self) -> None:
        for process in self._processes:
            await process.close()

    def least_busy(self) -> Process:
        return min(self._processes, key=lambda process: process.wait_seconds)

    def admitting(self) -> Process:
        """The least busy, for new work. Raises QueueFull where that would wait too long even there."""
        process = self.least_busy()
        wait = process.wait_seconds
        if wait > self._max_wait_seconds:
            raise QueueFull(
                f"requests wait to be decoded, for about {wait:.1f} s; they may for {self._max_wait_seconds:g} s. "
                "Try again after Retry-After, or send smaller batches.",
                retry_after=wait,
            )
        return process


async def run_for(
    context: RequestContext, process: Process, job: Callable[..., T], *arguments: Any, body: bytes = b""
) -> T:
    """`job` for a request. Its deadline holds while the job waits for its process, and while it runs."""
    try:
        return await process.run(job, *arguments, body=body, deadline=context.deadline, is_gone=context.is_gone)
    except TimeoutError as error:
        raise context.too_late("while images were decoded") from error
    except ServiceError as error:
        context.spend_all(error.spent)
        raise


def _expire(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
