"""One request and its answer: what all rooms of the API need to know of it."""

import asyncio
import math
import os
import re
from functools import lru_cache
from itertools import count
from time import perf_counter

from starlette.types import Scope

from app.api.doors import UNMATCHED
from app.api.wire import IsGone, Wire
from app.errors import BadRequest, CallerGone, DeadlineExceeded
from app.inference.submission import Submission

ACCEPTABLE_ID = re.compile(rb"[\x21-\x7e]{1,128}")
MOST_DEADLINE_MS = 1e9
_prefix = os.urandom(8).hex()  # of this process, so that ids of several workers never meet
_numbers = count(1)


def _choose_prefix() -> None:
    global _prefix
    _prefix = os.urandom(8).hex()


os.register_at_fork(after_in_child=_choose_prefix)


class Exchange:
    """Identity, deadline and timings of one request."""

    __slots__ = (
        "address",
        "caller",
        "deadline",
        "decision",
        "headers",
        "held_bytes",
        "is_gone",
        "mark",
        "method",
        "model",
        "path",
        "query",
        "request_id",
        "route",
        "run_images",
        "stages",
        "started",
        "status",
        "wire",
    )

    def __init__(self, scope: Scope, is_gone: IsGone) -> None:
        """`is_gone` says whether the caller has hung up."""
        self.started = self.mark = perf_counter()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.is_gone = is_gone
        self.wire: Wire | None = None  # of a request that arrived whole
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.address: str = scope["client"][0] if scope.get("client") else "unknown"
        self.caller = self.address  # who is counted as one: a key, where one came
        self.route = UNMATCHED
        self.held_bytes = 0  # of its body
        self.deadline = math.inf  # on the event loop's clock
        self.stages: dict[str, float] = {}
        self.run_images = 0
        self.model = ""  # NAME/VERSION of the one that is asked
        self.decision = ""  # on a single image
        self.status = 0  # 0 until an answer has begun

    def age(self) -> float:
        """Seconds since the request came."""
        return perf_counter() - self.started

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def set_deadline(self, most_seconds: float) -> None:
        """After so many seconds, or the milliseconds that X-Deadline-Ms says where those are fewer. Raises BadRequest
        where it says none.
        """
        now = asyncio.get_running_loop().time()
        self.deadline = now + most_seconds
        if b"x-deadline-ms" not in self.headers:
            return
        text = self.header(b"x-deadline-ms")
        try:
            milliseconds = float(text)
        except ValueError:
            milliseconds = -1.0
        if not 0 < milliseconds < MOST_DEADLINE_MS:
            raise BadRequest(f"X-Deadline-Ms is a positive number of milliseconds; got {text!r}")
        self.deadline = min(self.deadline, now + milliseconds / 1000)

    def check_deadline(self) -> None:
        """Raises DeadlineExceeded where it has passed."""
        if asyncio.get_running_loop().time() >= self.deadline:
            raise self.too_late("before the model was asked")

    def check_caller(self) -> None:
        """Raises CallerGone where there is no use in going on."""
        if self.is_gone():
            raise CallerGone

    def too_late(self, when: str) -> DeadlineExceeded:
        """The error to raise where the deadline passed `when`."""
        asked = (
            f"the deadline of {self.header(b'x-deadline-ms')} ms"
            if b"x-deadline-ms" in self.headers
            else "the deadline"
        )
        return DeadlineExceeded(
            f"{asked} passed {when}, after {self.age() * 1000:.0f} ms; allow more with X-Deadline-Ms, up to the "
            "service's own deadline, or send less at a time"
        )

    def lap(self, stage: str) -> None:
        """What passed since the last lap was spent in `stage`, once a request."""
        now = perf_counter()
        self.stages[stage] = now - self.mark
        self.mark = now

    def spend(self, stage: str, seconds: float) -> None:
        """Count time that was measured elsewhere, and start the next lap now."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        self.mark = perf_counter()

    def ran(self, submission: Submission) -> None:
        """Count the model's time, and start the next lap now."""
        stages = self.stages
        stages["queue"] = stages.get("queue", 0.0) + submission.queued
        stages["infer"] = stages.get("infer", 0.0) + submission.ran
        self.run_images = submission.largest_run
        self.mark = perf_counter()

    def server_timing(self) -> bytes:
        """The Server-Timing header's value. Source: W3C Server Timing; durations in milliseconds."""
        line = _timing_format(tuple(self.stages), self.run_images)
        return line % (*[seconds * 1000 for seconds in self.stages.values()], self.age() * 1000)


@lru_cache(4096)
def _timing_format(stages: tuple[str, ...], run_images: int) -> bytes:
    entries = [f"{stage};dur=%.3f" for stage in (*stages, "total")]
    return ", ".join(entries).replace("infer;", f'infer;desc="batch {run_images}";', 1).encode()


def _request_id(sent: bytes | None) -> bytes:
    """The caller's own id where it is one that can be sent back safely, else a new one."""
    if sent and ACCEPTABLE_ID.fullmatch(sent):
        return sent
    return f"{_prefix}-{next(_numbers):x}".encode()
