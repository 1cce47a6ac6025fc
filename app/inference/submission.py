"""What one request has waiting for the model, and the lines that such things wait in."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from time import perf_counter

import numpy as np
import structlog

from app.inference.session import ENERGY, Frames

log = structlog.get_logger()

NOTHING = np.empty((0, ENERGY + 1), np.float32)


def never() -> bool:
    return False


class Submission:
    """Frames that one request brought, and whom to call when their scores are there, or an error is."""

    __slots__ = (
        "arrived",
        "deadline",
        "done",
        "error",
        "finished",
        "frames",
        "is_gone",
        "largest_run",
        "ran",
        "scores",
        "taken",
        "tell",
        "timer",
    )

    def __init__(self, frames: Frames, tell: "Tell", is_gone: Callable[[], bool]) -> None:
        self.frames = frames
        self.tell = tell
        self.is_gone = is_gone
        self.scores = NOTHING
        self.error: Exception | None = None
        self.done = False
        self.taken = 0
        self.arrived = self.finished = perf_counter()
        self.ran = 0.0
        self.largest_run = 0
        self.deadline = math.inf  # on the event loop's clock
        self.timer: asyncio.TimerHandle | None = None

    def finish(self, error: Exception | None = None) -> None:
        """Tell, once."""
        if self.done:
            return
        self.done = True
        self.error = error
        if self.timer is not None:
            self.timer.cancel()
        try:
            self.tell(self)
        except Exception as broken:  # the others of the same run must be told all the same
            log.error("an answer could not be given", exc_info=broken)

    @property
    def waiting(self) -> int:
        """Images that no run has taken yet."""
        return len(self.frames) - self.taken

    @property
    def queued(self) -> float:
        """Seconds in all that were spent waiting, not running."""
        return self.finished - self.arrived - self.ran


class Line:
    """Submissions that wait, and how many images of them no run has taken yet."""

    def __init__(self) -> None:
        self.submissions: deque[Submission] = deque()
        self.images = 0


Tell = Callable[[Submission], None]
Part = tuple[Submission, int, int]  # images start..stop of a submission
