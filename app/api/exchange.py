"""One request and its answer: what all rooms of the API need to know of it."""

import asyncio
import os
import re
from itertools import count
from time import perf_counter

from starlette.types import Scope

from app.errors import BadRequest, DeadlineExceeded

ACCEPTABLE_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_PREFIX = os.urandom(8).hex()  # of this process, so that ids of several workers never meet
_numbers = count(1)


class Exchange:
    """Identity, deadline and timings of one request. Lives in `scope["exchange"]`."""

    __slots__ = (
        "caller",
        "deadline",
        "headers",
        "mark",
        "request_id",
        "run_images",
        "stages",
        "started",
        "status",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = self.mark = perf_counter()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.caller = scope["client"][0] if scope.get("client") else "unknown"
        self.deadline: float | None = None
        self.stages: dict[str, float] = {}
        self.run_images = 0
        self.status = 0  # 0 until an answer has begun

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def set_deadline(self) -> None:
        """Read X-Deadline-Ms, milliseconds from the request's arrival. Raises BadRequest where it is none."""
        if b"x-deadline-ms" not in self.headers:
            return
        text = self.header(b"x-deadline-ms")
        try:
            milliseconds = float(text)
        except ValueError:
            milliseconds = -1.0
        if not 0 < milliseconds < 1e9:
            raise BadRequest(f"X-Deadline-Ms is a positive number of milliseconds; got {text!r}")
        self.deadline = asyncio.get_running_loop().time() + milliseconds / 1000

    def check_deadline(self, now: float) -> None:
        """`now` on the event loop's clock. Raises DeadlineExceeded."""
        if self.deadline is not None and now >= self.deadline:
            raise self.too_late("before the model was asked")

    def too_late(self, when: str) -> DeadlineExceeded:
        """The error to raise where the deadline passed `when`."""
        spent = (perf_counter() - self.started) * 1000
        return DeadlineExceeded(
            f"the deadline of {self.header(b'x-deadline-ms')} ms passed {when}, after {spent:.0f} ms; "
            "allow more with X-Deadline-Ms, or send less at a time"
        )

    def lap(self, stage: str) -> None:
        """What passed since the last lap was spent in `stage`."""
        now = perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self.mark
        self.mark = now

    def spend(self, stage: str, seconds: float) -> None:
        """Count time that was measured elsewhere, and start the next lap now."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        self.mark = perf_counter()

    def server_timing(self) -> bytes:
        """The Server-Timing header's value. Source: W3C Server Timing; durations in milliseconds."""
        entries = [f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in self.stages.items()]
        entries.append(f"total;dur={(perf_counter() - self.started) * 1000:.3f}")
        line = ", ".join(entries)
        if self.run_images:
            line = line.replace("infer;", f'infer;desc="batch {self.run_images}";', 1)
        return line.encode()


def _request_id(sent: bytes | None) -> bytes:
    """The caller's own id where it is one that can be sent back safely, else a new one."""
    if sent and ACCEPTABLE_ID.fullmatch(sent):
        return sent
    return f"{_PREFIX}-{next(_numbers):x}".encode()
