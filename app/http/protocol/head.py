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
VERSIONS = ("1.1", "1.0")
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
    if len(head) > MOST_BYTES or head.count(b"\r\n") > MOST_LINES + 2:  # the request line's end, and the empty line
        raise too_large()
    said = _Said()
    parser = httptools.HttpRequestParser(said)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # a server may ignore the offer (RFC 9110, 7.8), such as Java's clients make with every first request
    except httptools.HttpParserError as error:
        if not said.complete:  # else it is about the body, which `_length` looks at
            raise BadRequest(f"what came is no HTTP/1.1 request: {error}") from error
    method = parser.get_method()
    version = "1.1" if head.startswith(b"1.1\r\n", head.index(b"\r\n") - 3) else parser.get_http_version()
    if not said.complete or version not in VERSIONS:
        raise BadRequest("HTTP/1.1 and HTTP/1.0 are spoken here; another version came")
    if method == b"CONNECT":
        raise Unsupported("CONNECT came; this is no proxy. Ask for a path.")
    headers = tuple(said.headers)
    fields = dict(headers)
    if len(fields) < len(headers):
        _check_once(headers)
    host = fields.get(b"host")
    if (host is not None or version == "1.1") and not _is_host(host):
        came = "none" if host is None else repr(host[:100].decode("latin-1"))
        raise BadRequest(f"a request has one Host header, a name or an address with or without a port; {came} came")
    path, raw_path, query = _target(said.url)
    scope = {
        "http_version": version,
        "method": method.decode(),
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
    }
    keeps_alive = version == "1.1" and (b"connection" not in fields or not _is_last(headers))
    expects_continue = b"expect" in fields and fields[b"expect"].lower() == b"100-continue" and version == "1.1"
    return Head(scope, _length(fields, version), keeps_alive, expects_continue)


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


@lru_cache(16)
def _is_host(host: bytes | None) -> bool:
    return host is not None and HOST.fullmatch(host) is not None


def _is_last(headers: Headers) -> bool:
    options = b",".join(value for name, value in headers if name == b"connection")
    return any(option.strip() == b"close" for option in options.lower().split(b","))


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


@lru_cache(64)
def _target(target: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it came, and query, of any of the forms of RFC 9112, 3.2."""
    if not target.startswith(b"/") and target != b"*":
        try:
            url = httptools.parse_url(target)
        except httptools.HttpParserInvalidURLError as error:
            raise BadRequest("the request's target is no path, and no URL with one") from error
        target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
    if b"#" in target:
        target = target[: target.index(b"#")]
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii")  # httptools lets no other characters through
    return unquote(path) if "%" in path else path, raw_path, query
