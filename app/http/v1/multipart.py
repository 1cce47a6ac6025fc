"""multipart/form-data held in memory: the body is limited already, and a read-only container has no disk to spool to.

Source: RFC 7578 and, for the boundaries, RFC 2046 (5.1.1). The body is cut by one search for its boundary, part by
part, so that its work grows with its bytes alone, whatever stands in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from python_multipart.multipart import parse_options_header

from app.errors import BadRequest, BatchTooLarge

LONGEST_BOUNDARY = 200  # bytes; RFC 2046 allows 70
LONGEST_HEAD = 4096  # bytes of one part's headers
ADVICE = "let your HTTP library write it"


@dataclass(frozen=True)
class Part:
    """One part of a form."""

    headers: dict[bytes, bytes]
    data: bytes

    @cached_property
    def field(self) -> str:
        return self._option(b"name") or ""

    @cached_property
    def filename(self) -> str | None:
        return self._option(b"filename")

    @cached_property
    def media_type(self) -> str:
        return self.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    def _option(self, name: bytes) -> str | None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        return options[name].decode("utf-8", "replace") if name in options else None


def parse(content_type: str, body: bytes, *, most: int) -> Iterator[Part]:
    """The parts of a form, at most `most`, each when it is asked for. Raises BadRequest, BatchTooLarge."""
    delimiter = b"\r\n--" + _boundary(content_type)
    end = 0 if body.startswith(delimiter[2:]) else _next(body, delimiter, 0) + 2
    end += len(delimiter) - 2
    parts = 0
    while not body.startswith(b"--", end):
        if parts == most:
            raise BatchTooLarge(f"a form holds at most {most:,} parts here; send the rest in another request")
        start = body.find(b"\n", end, end + LONGEST_BOUNDARY) + 1
        if not start or body[end : start - 2].strip(b" \t") or body[start - 2 : start - 1] != b"\r":
            raise BadRequest(f"the form is malformed (no line ends after its boundary number {parts + 1}); {ADVICE}")
        following = _next(body, delimiter, start - 2)
        yield _part(body, start, following)
        parts += 1
        end = following + len(delimiter)


def _boundary(content_type: str) -> bytes:
    _, options = parse_options_header(content_type[: 2 * LONGEST_BOUNDARY])
    boundary: bytes = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise BadRequest("multipart/form-data needs a boundary in Content-Type; let your HTTP library set that header")
    return boundary


def _next(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(delimiter, start)
    if found < 0:
        raise BadRequest("the form ends before its closing boundary; send the whole body")
    return found


def _part(body: bytes, start: int, end: int) -> Part:
    """What stands between two boundaries: header lines, an empty one, and the content."""
    if body.startswith(b"\r\n", start):  # no header at all
        return Part({}, body[start + 2 : end])
    head = body.find(b"\r\n\r\n", start, min(end, start + LONGEST_HEAD))
    if head < 0:
        raise BadRequest(f"the form is malformed (headers that do not end within {LONGEST_HEAD} bytes); {ADVICE}")
    headers = {}
    for line in body[start:head].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest(f"the form is malformed (a header {line[:50]!r} without a colon); {ADVICE}")
        headers[name.lower()] = value.strip()
    return Part(headers, body[head + 4 : end])
