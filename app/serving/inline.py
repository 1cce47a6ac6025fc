"""Running a coroutine here and now, without an asyncio task."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, Generic, TypeVar

Result = TypeVar("Result")


class Inline(ABC, Generic[Result]):
    """Runs a coroutine up to its end, or to what it waits for, and goes on as soon as that is there.

    Making and waking a task costs more than all that is done for a small image. (Python 3.12 has eager tasks; they run
    up to the first wait likewise, but are woken in another turn of the loop.) What it may wait for are asyncio's
    futures, submissions to a batcher, which call back at once, and `asyncio.sleep(0)`; not what needs a current task,
    as `asyncio.timeout` does. It cannot be cancelled.
    """

    __slots__ = ("_coroutine",)

    is_running: ClassVar[bool] = False
    """Whether such a coroutine runs at this moment: then its submissions call back, else a task waits for them."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        """`step` starts it."""
        self._coroutine = coroutine

    @abstractmethod
    def done(self, outcome: Result | Exception) -> None:
        """Called once, with what the coroutine returns or raises."""

    def step(self, _: object = None) -> None:
        """Run it, from where it is."""
        del _  # what was waited for: it may hold an error, and that, by its traceback, this frame
        outer, Inline.is_running = Inline.is_running, True
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            Inline.is_running = outer
            self.done(end.value)
        except Exception as error:
            Inline.is_running = outer
            self.done(error)
        else:
            Inline.is_running = outer
            if awaited is None:
                asyncio.get_running_loop().call_soon(self.step)
            else:
                awaited.add_done_callback(self.step)
