"""What every room on the way of a request needs to know of it, whatever brought it."""

import math
import os
from collections.abc import Callable, Mapping
from itertools import count
from time import monotonic, perf_counter  # monotonic is the event loop's clock, and sooner asked
from typing import TYPE_CHECKING

from app.errors import CallerGone, DeadlineExceeded

if TYPE_CHECKING:  # an extra
    from app.telemetry.tracing import Trace

IsGone = Callable[[], bool]
_prefix = os.urandom(8).hex()  # of this process, so that ids of several workers never meet
_numbers = count(1)


def _choose_prefix() -> None:
    global _prefix
    _prefix = os.urandom(8).hex()


os.register_at_fork(after_in_child=_choose_prefix)


def new_request_id() -> bytes:
    return f"{_prefix}-{next(_numbers):x}".encode()


def never() -> bool:
    return False


class RequestContext:
    """Identity, deadline and timings of one request. Transports have classes of their own below this one."""

    __slots__ = (
        "caller",
        "deadline",
        "decision",
        "held_bytes",
        "is_gone",
        "largest_run",
        "mark",
        "model",
        "request_id",
        "rows",
        "sent_bytes",
        "stages",
        "started",
        "trace",
    )

    def __init__(self, request_id: bytes, caller: str, is_gone: IsGone = never, deadline: float = math.inf) -> None:
        """`caller` is who is counted as one, `is_gone` whether it has hung up; `deadline` is on the loop's clock."""
        self.started = self.mark = perf_counter()
        self.request_id = request_id
        self.caller = caller
        self.is_gone = is_gone
        self.deadline = deadline
        self.stages: dict[str, float] = {}  # seconds
        self.sent_bytes = 0  # of its body, as it came: by them the work on it is bounded
        self.held_bytes = 0  # of these and of what is made of them
        self.largest_run = 0  # rows of the largest run that the request was part of
        self.rows = 0  # that a model was asked for
        self.model = ""  # NAME/VERSION of the one that is asked
        self.decision = ""  # on a single image
        self.trace: Trace | None = None  # of the few that are traced

    def age(self) -> float:
        """Seconds since the request came."""
        return perf_counter() - self.started

    def check_deadline(self) -> None:
        """Raises DeadlineExceeded where it has passed."""
        if monotonic() >= self.deadline:
            raise self.too_late("before the model was asked")

    def check_caller(self) -> None:
        """Raises CallerGone where there is no use in going on."""
        if self.is_gone():
            raise CallerGone

    def too_late(self, when: str) -> DeadlineExceeded:
        """The error to raise where the deadline passed `when`."""
        return DeadlineExceeded(f"the deadline passed {when}, after {self.age() * 1000:.0f} ms; send less at a time.")

    def lap(self, stage: str) -> None:
        """What passed since the last lap was spent in `stage`, once a request."""
        now = perf_counter()
        self.stages[stage] = now - self.mark
        if self.trace is not None:
            self.trace.stage(stage, self.mark, now)
        self.mark = now

    def spend(self, stage: str, seconds: float) -> None:
        """Count time that was measured elsewhere, and start the next lap now."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        self.mark = perf_counter()
        if self.trace is not None:
            self.trace.stage(stage, self.mark - seconds, self.mark)

    def spend_all(self, spent: Mapping[str, float]) -> None:
        """The same of several stages."""
        for stage, seconds in spent.items():
            self.spend(stage, seconds)

    def ran(self, queued: float, ran: float, largest_run: int) -> None:
        """Count seconds that were spent waiting for the model and running it, and start the next lap now."""
        stages = self.stages
        stages["queue"] = stages.get("queue", 0.0) + queued
        stages["infer"] = stages.get("infer", 0.0) + ran
        self.largest_run = largest_run
        self.mark = perf_counter()
        if self.trace is not None:
            self.trace.stage("queue", self.mark - ran - queued, self.mark - ran)
            self.trace.stage("infer", self.mark - ran, self.mark)
