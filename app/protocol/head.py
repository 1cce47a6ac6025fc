"""A request's head, read in one piece and strictly. Source: RFC 9112 (HTTP/1.1), RFC 9110 (semantics).

httptools refuses what no head may hold: bare CR or LF, folded lines, spaces before a colon, control characters, two
lengths. What it lets through and a proxy might read in another way is refused here. It never sees a body: where that
ends is said by `length` alone, so that nothing in it can be taken for another request.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools

from app.errors import BadRequest, HeadTooLarge, Unsupported

MOST_BYTES = 65_536
MOST_LINES = 100
CHUNKED = -1  # in place of a length
REMEMBERED_BYTES = 1024  # of heads that are not read again when they come again, as a caller's next mostly does
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")
ONCE = (b"host", b"content-length", b"transfer-encoding")
Headers = tuple[tuple[bytes, bytes], ...]


class Head(NamedTuple):
    """What one says."""

    scope: dict[str, Any]  # its share of ASGI's
    length: int  # of the body that follows, in bytes, or CHUNKED
    keeps_alive: bool  # whether another request may follow
    expects_continue: bool


def parse(head: bytes) -> Head:
    """`head` ends with its empty line. Raises BadRequest, HeadTooLarge, Unsupported."""
    return _remembered(head) if len(head) <= REMEMBERED_BYTES else _parse(head)


def _parse(head: bytes) -> Head:
    if len(head) > MOST_BYTES or head.count(b"\r\n") > MOST_LINES + 2:  # the request line's end, and the empty line
        raise too_large()
    said = _Said()
    parser = httptools.HttpRequestParser(said)
    parser.set_dangerous_leniencies(lenient_transfer_encoding=True, lenient_chunked_length=True)  # `_length` refuses
    try:
        # A server may ignore an offer to upgrade (RFC 9110, 7.8), such as Java's clients make with every first request.
        parser.feed_data(UPGRADE.sub(b"", head))
    except httptools.HttpParserUpgrade as error:
        raise Unsupported("CONNECT came; this is no proxy. Ask for a path.") from error
    except httptools.HttpParserError as error:
        raise BadRequest(f"what came is no HTTP/1.1 request: {error}") from error
    version, headers = parser.get_http_version(), tuple(said.headers)
    if not said.complete or version not in ("1.1", "1.0"):
        raise BadRequest("HTTP/1.1 and HTTP/1.0 are spoken here; another version came")
    fields = dict(headers)
    if len(fields) < len(headers):
        _check_once(headers)
    _check_host(fields.get(b"host"), version)
    options = b",".join(value for name, value in headers if name == b"connection").lower().split(b",")
    return Head(
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "scheme": "http",
            "root_path": "",
            "method": parser.get_method().decode(),
            "headers": headers,
            **_target(said.url),
        },
        _length(fields, version),
        version == "1.1" and not any(option.strip() == b"close" for option in options),
        fields.get(b"expect", b"").lower() == b"100-continue" and version == "1.1",
    )


_remembered = lru_cache(256)(_parse)


def too_large() -> HeadTooLarge:
    """What to raise where more of a head comes than it may hold."""
    return HeadTooLarge(
        f"a request's head holds at most {MOST_BYTES:,} bytes and {MOST_LINES} headers; more came. Send fewer headers."
    )


class _Said:
    """What httptools calls back with."""

    __slots__ = ("complete", "headers", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _check_once(headers: Headers) -> None:
    names = [name for name, _ in headers]
    for name in ONCE:
        if names.count(name) > 1:
            raise BadRequest(f"the header {name.decode().title()} stands in a request once; it came more than once")


def _check_host(host: bytes | None, version: str) -> None:
    if host is None and version == "1.1":
        raise BadRequest("an HTTP/1.1 request has a Host header; none came")
    if host is not None and not HOST.fullmatch(host):
        raise BadRequest(f"the Host header is a name or an address, with or without a port; {host[:100]!r} came")


def _length(fields: dict[bytes, bytes], version: str) -> int:
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        return int(fields.get(b"content-length", 0))  # httptools has let digits alone through
    if b"content-length" in fields:
        raise BadRequest("a request has a Content-Length or a Transfer-Encoding, never both; both came")
    if version == "1.0":
        raise BadRequest("HTTP/1.0 knows no Transfer-Encoding; send a Content-Length")
    if coding.lower() != b"chunked":
        raise Unsupported(f"the one Transfer-Encoding known here is chunked; {coding[:100]!r} came")
    return CHUNKED


def _target(target: bytes) -> dict[str, Any]:
    """The path and the query, of any of the forms of RFC 9112, 3.2."""
    if target.startswith(b"/") or target == b"*":
        raw_path, _, query = target.partition(b"#")[0].partition(b"?")
    else:
        url = httptools.parse_url(target)
        raw_path, query = url.path or b"/", url.query or b""
    path = raw_path.decode("ascii")  # httptools lets no other characters through
    return {"path": unquote(path) if "%" in path else path, "raw_path": raw_path, "query_string": query}
