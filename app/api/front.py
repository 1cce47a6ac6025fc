"""The outermost layer, and the hot path: who answers a request, and what every answer carries.

There are three lanes. A POST to a `whole` path that has arrived in one piece, as one image mostly does, never
becomes an ASGI task: `take` begins it, and the run that reads its image ends it. The other requests for images pass
`__call__` and a handler. Neither touches the framework, whose routing alone costs more than running a small model.
FastAPI answers all the rest, and documents these.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access import AccessLog
from app.api.doors import Doors
from app.api.exchange import Exchange
from app.api.lifecycle import Lifecycle
from app.api.limits import Limits
from app.api.proxies import Proxies
from app.api.wire import Headers, IsGone, Wire, is_gone_of
from app.errors import CallerGone, NotFound, ServiceError
from app.metrics import Metrics

log = structlog.get_logger()

CALLER_GONE = 499  # nginx's number for a caller that hung up; never sent, only counted
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # that are counted by name
NO_SNIFFING = (b"x-content-type-options", b"nosniff")  # an answer is what its Content-Type says, nothing else


class Answer(NamedTuple):
    """What a handler, or an error, has to say: a whole body, or chunks of one as they become ready."""

    body: bytes | AsyncIterator[bytes]
    media_type: bytes = b"application/json"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Exchange, Receive], Awaitable[Answer]]
Finish = Callable[[Exchange, Answer | Exception], None]
Begin = Callable[[Exchange, bytes, Finish], None]


class Front:
    """ASGI, and more: makes the Exchange, finds who answers, renders whatever is raised inside, counts and times."""

    def __init__(
        self,
        framework: ASGIApp,
        whole: Mapping[str, Begin],
        hot: Mapping[str, Handler],
        *,
        doors: Doors,
        proxies: Proxies | None,
        limits: Limits,
        metrics: Metrics,
        access: AccessLog,
        lifecycle: Lifecycle,
        render: Callable[[ServiceError, Exchange], Answer],
    ) -> None:
        """By path, for POST: `whole` begin a request whose body is there, `hot` handle any; else `framework` does.

        None of them is asked for what no door leads to.
        """
        self._framework = framework
        self._whole = whole
        self._hot = hot
        self.doors = doors
        self._proxies = proxies
        self._limits = limits
        self._metrics = metrics
        self._access = access
        self._lifecycle = lifecycle
        self._render = render

    def takes(self, scope: Scope) -> bool:
        """Whether `take` is for such a request."""
        return scope["path"] in self._whole and scope["method"] == "POST"

    def take(self, wire: Wire) -> None:
        """Begin a request that has arrived whole. It is answered here and now, or when its image has been read."""
        exchange = self._exchange(wire.scope, wire.is_gone)
        exchange.wire = wire
        try:
            self._enter(exchange, wire.scope)
            self._limits.hold(exchange, wire.body)
            exchange.lap("read")
            self._whole[exchange.path](exchange, wire.body, self._finish)
        except Exception as error:
            self._finish(exchange, error)

    def refusal(self, error: ServiceError, client: tuple[str, int] | None) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a caller of whom no request could be read; counted as all are."""
        nothing = {"method": "", "path": "", "query_string": b"", "headers": (), "client": client}
        exchange = Exchange(nothing, is_gone_of(nothing))
        answer = self._rendered(error, exchange)
        assert answer is not None
        assert isinstance(answer.body, bytes)
        exchange.status = answer.status
        self._count(exchange)
        return answer.status, self._headers(answer, exchange), answer.body

    def _finish(self, exchange: Exchange, outcome: Answer | Exception) -> None:
        try:
            answer = outcome if isinstance(outcome, Answer) else self._rendered(outcome, exchange)
            if answer is None:
                exchange.status = CALLER_GONE
            else:
                self._respond(answer, exchange)
        finally:
            self._limits.release(exchange)
            self._count(exchange)

    def _respond(self, answer: Answer, exchange: Exchange) -> None:
        assert exchange.wire is not None
        assert isinstance(answer.body, bytes)
        exchange.status = answer.status
        headers = self._headers(answer, exchange)
        exchange.wire.respond(answer.status, headers, answer.body, close=self._lifecycle.draining)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = self._exchange(scope, is_gone_of(scope))
        handler = self._hot.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            self._enter(exchange, scope)
            if handler is None:
                await self._ask_framework(exchange, scope, receive, send)
            else:
                await self._send(await handler(exchange, receive), exchange, send)
        except Exception as error:
            if exchange.status and not isinstance(error, CallerGone):
                raise  # the answer has begun: all that is left is to cut the connection
            refusal = self._rendered(error, exchange)
            if refusal is None:
                exchange.status = CALLER_GONE
            else:
                await self._send(refusal, exchange, send)
        finally:
            self._limits.release(exchange)
            self._count(exchange)

    def _exchange(self, scope: Scope, is_gone: IsGone) -> Exchange:
        exchange = Exchange(scope, is_gone)
        if self._proxies is not None:
            exchange.address = exchange.caller = self._proxies.caller(exchange.address, scope["headers"])
        return exchange

    def _enter(self, exchange: Exchange, scope: Scope) -> None:
        """Through the door that the path names. Raises NotFound where there is none, and what `Limits.admit` does."""
        door = self.doors.find(scope)
        if door is None:
            raise NotFound(f"there is nothing at {exchange.path}; /docs lists what there is")
        exchange.route = door.route
        self._limits.admit(exchange, door.right)

    async def _send(self, answer: Answer, exchange: Exchange, send: Send) -> None:
        exchange.status = answer.status
        headers = self._headers(answer, exchange)
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if isinstance(answer.body, bytes):
            await send({"type": "http.response.body", "body": answer.body})
            return
        async for chunk in answer.body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            exchange.check_caller()
        await send({"type": "http.response.body"})

    async def _ask_framework(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = [
                    *message.get("headers", ()),
                    (b"x-request-id", exchange.request_id),
                    (b"server-timing", exchange.server_timing()),
                    NO_SNIFFING,
                ]
                if self._lifecycle.draining:
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        if scope["method"] == "HEAD":  # wherever GET works; the server leaves out the body
            scope = {**scope, "method": "GET"}
        await self._framework(scope, receive, observed)
        if failure := scope.get("failure"):
            raise failure

    def _headers(self, answer: Answer, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"content-type", answer.media_type),
            (b"x-request-id", exchange.request_id),
            (b"server-timing", exchange.server_timing()),
            NO_SNIFFING,
            *answer.headers,
        ]
        if isinstance(answer.body, bytes):
            headers.append((b"content-length", b"%d" % len(answer.body)))
        return headers

    def _rendered(self, error: Exception, exchange: Exchange) -> Answer | None:
        """The answer to an error, counted; None where nobody waits for one."""
        if isinstance(error, CallerGone):
            return None
        if not isinstance(error, ServiceError):
            log.error("unforeseen", request_id=exchange.request_id.decode(), exc_info=error)
            error = ServiceError("the service failed on this request; its log has the cause under this request_id")
        self._metrics.errors.labels(error.code).inc()
        return self._render(error, exchange)

    def _count(self, exchange: Exchange) -> None:
        method = exchange.method if exchange.method in METHODS else "other"
        seconds = exchange.age()
        self._metrics.answered(exchange.route, method, str(exchange.status), exchange.stages, seconds)
        self._access.note(exchange, method, seconds)


class HandBack:
    """ASGI middleware for the framework: hands what is raised in it back to `Front`, which else would come too late,
    for Starlette itself answers what it does not know with a page of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            scope["failure"] = error
