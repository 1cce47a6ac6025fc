"""One HTTP request and its answer: HTTP's side of a `RequestContext`."""

import re
from collections.abc import AsyncIterator
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

from starlette.types import Scope

from app.config import Right
from app.errors import BadRequest, DeadlineExceeded
from app.http.routes import UNMATCHED
from app.serving.context import IsGone, RequestContext, new_request_id
from app.telemetry.traceparent import parsed

ACCEPTABLE_ID = re.compile(rb"[\x21-\x7e]{1,128}")
MOST_DEADLINE_MS = 1e9
NO_PARAMETERS: dict[str, str] = {}


class Answer(NamedTuple):
    """What a handler, or an error, has to say: a whole body, or chunks of one as they become ready."""

    body: bytes | AsyncIterator[bytes]
    media_type: bytes = b"application/json"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Exchange(RequestContext):
    """What came with the request, and what is known of its answer."""

    __slots__ = (
        "address",
        "headers",
        "method",
        "parameters",
        "path",
        "query",
        "right",
        "status",
        "template",
    )

    def __init__(self, scope: Scope, is_gone: IsGone) -> None:
        """`is_gone` says whether the caller has hung up."""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.address: str = scope["client"][0] if scope.get("client") else "unknown"
        self.template = UNMATCHED  # its route's, so that no caller can make up names for metrics
        self.right: Right | None = None  # that its route needs
        self.parameters = NO_PARAMETERS  # of its path
        self.status = 0  # 0 until an answer has begun
        RequestContext.__init__(self, _request_id(self.headers.get(b"x-request-id")), self.address, is_gone)

    @property
    def trace_id(self) -> bytes:
        """In hexadecimal digits; b"" where the request is part of no trace."""
        if self.trace is not None:
            return self.trace.id
        found = parsed(self.headers.get(b"traceparent", b""))
        return b"" if found is None else found.trace

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def set_deadline(self, most_seconds: float) -> None:
        """After so many seconds, or the milliseconds that X-Deadline-Ms says where those are fewer. Raises BadRequest
        where it says none.
        """
        now = monotonic()
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

    def too_late(self, when: str) -> DeadlineExceeded:
        error = super().too_late(when)
        if b"x-deadline-ms" in self.headers:
            error.detail = error.detail.replace(
                "the deadline", f"the deadline of {self.header(b'x-deadline-ms')} ms", 1
            )
        return error

    def server_timing(self) -> bytes:
        """The Server-Timing header's value. Source: W3C Server Timing; durations in milliseconds."""
        line = _timing_format(tuple(self.stages), self.largest_run)
        return line % (*[seconds * 1000 for seconds in self.stages.values()], self.age() * 1000)


@lru_cache(4096)
def _timing_format(stages: tuple[str, ...], largest_run: int) -> bytes:
    entries = [f"{stage};dur=%.3f" for stage in (*stages, "total")]
    return ", ".join(entries).replace("infer;", f'infer;desc="batch {largest_run}";', 1).encode()


def _request_id(sent: bytes | None) -> bytes:
    """The caller's own id where it is one that can be sent back safely, else a new one."""
    return sent if sent and ACCEPTABLE_ID.fullmatch(sent) else new_request_id()
