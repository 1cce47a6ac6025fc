"""What one request has waiting for the model."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog

from app.inference.session import Tensors
from app.serving.context import IsGone
from app.serving.inline import Inline

if TYPE_CHECKING:  # an extra
    from app.telemetry.tracing import Trace

log = structlog.get_logger()


class Submission:
    """Tensors that one request brought, as rows along their first axis; to be awaited for what the model makes of them.

    A task awaits it through an asyncio future, as anything. `Inline`, which is no task, is given the submission
    itself, and is called back by the run that ends it: that saves a turn of the event loop.
    """

    __slots__ = (
        "_callback",
        "arrived",
        "deadline",
        "done",
        "error",
        "finished",
        "inputs",
        "is_gone",
        "largest_run",
        "nbytes",
        "outputs",
        "ran",
        "rows",
        "shapes",
        "taken",
        "timer",
        "trace",
    )

    def __init__(
        self, inputs: Tensors, rows: int, deadline: float, is_gone: IsGone, trace: "Trace | None" = None
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.nbytes = 0  # of all inputs, where that may differ from others'
        self.shapes: list[tuple[int, ...]] | None = None  # of its rows, where they may differ from others'
        self.deadline = deadline  # on the event loop's clock
        self.is_gone = is_gone
        self.trace = trace
        self.outputs: Tensors = ()
        self.error: Exception | None = None
        self.done = False
        self.taken = 0  # rows that a run has taken
        self.arrived = self.finished = perf_counter()
        self.ran = 0.0
        self.largest_run = 0  # rows
        self.timer: asyncio.TimerHandle | None = None
        self._callback: Callable[[Submission], object] = _nobody

    def __await__(self) -> Generator[Any, None, "Submission"]:
        """This, once it is done. Raises DeadlineExceeded, CallerGone and what the run raises."""
        try:
            if not self.done:
                if Inline.is_running:
                    yield self
                else:
                    future = asyncio.get_running_loop().create_future()
                    self.add_done_callback(lambda _: None if future.cancelled() else future.set_result(None))
                    yield from future
        finally:
            self.done = True  # who was cancelled here waits for nothing any more
        if self.error is not None:
            error, self.error = self.error, None
            try:
                raise error
            finally:
                del error  # which, by its traceback, holds this frame
        return self

    def add_done_callback(self, callback: Callable[["Submission"], object]) -> None:
        """`callback` is called once it is done, by the run that ends it. There is one."""
        self._callback = callback

    def finish(self, error: Exception | None = None) -> None:
        """Call back, once."""
        if self.done:
            return
        self.done = True
        self.error = error
        if self.timer is not None:
            self.timer.cancel()
        try:
            self._callback(self)
        except Exception as broken:  # the others of the same run must be told all the same
            log.error("an answer could not be given", exc_info=broken)

    @property
    def waiting(self) -> int:
        """Rows that no run has taken yet."""
        return self.rows - self.taken

    @property
    def queued(self) -> float:
        """Seconds in all that were spent waiting, not running."""
        return self.finished - self.arrived - self.ran


class Queue:
    """Submissions that wait, and how many rows of them no run has taken yet."""

    def __init__(self) -> None:
        self.submissions: deque[Submission] = deque()
        self.rows = 0


def _nobody(_: Submission) -> None:
    pass


NO_DEADLINE = math.inf
