"""One request and the way back to its caller: ASGI's, and the fast lane's."""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message, Scope

from app.errors import ServiceError
from app.http.wire import IS_GONE, Headers

if TYPE_CHECKING:
    from app.http.protocol.connection import Connection

log = structlog.get_logger()

STATUS_LINES = {
    status: b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode() if status in set(HTTPStatus) else b"")
    for status in range(100, 600)
}
UNSENDABLE = re.compile(rb"[\x00\r\n]")


def scope_of(transport: asyncio.BaseTransport, is_gone: Callable[[], bool]) -> dict[str, Any]:
    """What the scopes of all requests of a connection hold. Source: ASGI's HTTP specification, 2.3."""
    client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "scheme": "http",
        "root_path": "",
        "client": client[:2] if client else None,
        "server": server[:2] if server else None,
        "extensions": {IS_GONE: is_gone},
    }


class Wire:
    """`app.http.wire.Wire`: a request that has arrived whole."""

    __slots__ = ("_connection", "body", "scope")

    def __init__(self, connection: "Connection", scope: Scope, body: bytes) -> None:
        self._connection = connection
        self.scope = scope
        self.body = body

    def is_gone(self) -> bool:
        return self._connection.is_gone()

    def respond(self, status: int, headers: Headers, body: bytes, *, close: bool) -> None:
        """Send the whole answer in one write; with `close` the connection's last."""
        self._connection.respond(status, headers, body, close=close)


class Cycle:
    """A request that an ASGI app answers, as it comes."""

    def __init__(self, connection: "Connection", scope: Scope, *, expects_continue: bool = False) -> None:
        self._connection = connection
        self.scope = scope
        self._pieces: list[bytes] = []
        self.unread = 0  # bytes of them
        self._more = True  # of the body is to come
        self._news = asyncio.Event()
        self._expects_continue = expects_continue
        self._started = self._complete = self.gone = False
        self._chunked = False
        self._left: int | None = None  # bytes of the answer, where its length was said

    def add(self, pieces: list[bytes], *, more: bool) -> None:
        """What came of the request's body."""
        self._pieces += pieces
        self.unread += sum(map(len, pieces))
        self._more = more
        self._news.set()

    def leave(self) -> None:
        """The caller has gone, or is not to be answered any more."""
        self.gone = True
        self._news.set()

    async def run(self, app: ASGIApp) -> None:
        """Have it answered, whatever the app does."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            log.error("unforeseen", exc_info=error)
        finally:
            if not self._complete and not self.gone:
                self._give_up()

    def _give_up(self) -> None:
        if self._started:
            self._connection.abort()  # all that is left to say that the answer is not whole
        else:
            self._started = self._complete = True
            self._connection.refuse(ServiceError("the service gave no answer to this request; its log has the cause"))

    async def receive(self) -> Message:
        if self._expects_continue and not self.gone:
            self._expects_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not (self.gone or self._complete):
            await self._news.wait()
            self._news.clear()
        if self.gone or self._complete:
            return {"type": "http.disconnect"}
        body, self._pieces, self.unread = b"".join(self._pieces), [], 0
        self._connection.regulate()
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        await self._connection.until_writable()
        if self.gone:
            return
        if not self._started and message["type"] == "http.response.start":
            self._start(message["status"], list(message.get("headers", ())))
        elif self._started and not self._complete and message["type"] == "http.response.body":
            self._continue(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected here: {message['type']}")

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if any(UNSENDABLE.search(name) or UNSENDABLE.search(value) for name, value in headers):
            raise RuntimeError("a header holds a line's end")
        fields = {name.lower(): value for name, value in headers}
        close = fields.get(b"connection", b"").lower() == b"close"
        if self.scope["method"] == "HEAD" or status in (204, 304):
            self._left = 0
        elif b"content-length" in fields:
            self._left = int(fields[b"content-length"])
        elif self.scope["http_version"] == "1.1":
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        else:
            close = True  # which is how HTTP/1.0 knows where it ends
        headers = [(name, value) for name, value in headers if name.lower() != b"connection"]
        close |= self._expects_continue  # it may or may not send its body now: nobody could tell what comes next
        self._started, self._expects_continue = True, False
        self._connection.write(b"".join(self._connection.head(status, headers, close=close)))

    def _continue(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the answer is not as long as its Content-Length says")
        if self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        if body:
            self._connection.write(body)
        if not more:
            self._complete = True
            self._news.set()
            self._connection.answered()


def head_of(status: int, headers: Headers, *, close: bool) -> list[bytes]:
    """An answer's head in pieces, up to its empty line."""
    pieces = [STATUS_LINES[status]]
    for name, value in headers:
        pieces += (name, b": ", value, b"\r\n")
    pieces.append(b"connection: close\r\n\r\n" if close else b"\r\n")
    return pieces
