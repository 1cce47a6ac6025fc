"""Running a coroutine here and now, without an asyncio task."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def start(coroutine: Coroutine[Any, Any, Result], done: Callable[[Result | Exception], None]) -> None:
    """Run it up to its end, or to what it waits for, and go on as soon as that is there. `done` is called once.

    Making and waking a task costs more than all that is done for a small image. (Python 3.12 has eager tasks; they run
    up to the first wait likewise, but are woken in another turn of the loop.) What it may wait for are asyncio's
    futures, submissions to a batcher, which call back at once, and `asyncio.sleep(0)`; not what needs a current task,
    as `asyncio.timeout` does. It cannot be cancelled.
    """
    _Started(coroutine, done).step()


class Driver:
    """Whether a coroutine is being run by `start` at this moment: then its submissions call back, else a task waits."""

    is_running = False


class _Started:
    __slots__ = ("_coroutine", "_done")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        self._coroutine = coroutine
        self._done = done

    def step(self, _: object = None) -> None:
        outer, Driver.is_running = Driver.is_running, True
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            Driver.is_running = outer
            self._done(end.value)
        except Exception as error:
            Driver.is_running = outer
            self._done(error)
        else:
            Driver.is_running = outer
            if awaited is None:
                asyncio.get_running_loop().call_soon(self.step)
            else:
                awaited.add_done_callback(self.step)
