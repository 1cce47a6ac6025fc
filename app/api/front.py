"""The outermost layer, and the fork: images go straight to their handlers, all else to FastAPI.

This is the hot path. A POST to one of the `hot` paths passes `Limits`, its handler and `_send` below, and nothing
of the framework, whose routing alone costs more than running a small model. FastAPI documents these paths, and
answers every other.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.exchange import UNMATCHED, Exchange
from app.api.lifecycle import Lifecycle
from app.api.limits import Limits
from app.errors import CallerGone, ServiceError
from app.metrics import Metrics

log = structlog.get_logger()

CALLER_GONE = 499  # nginx's number for a caller that hung up; never sent, only counted


class Answer(NamedTuple):
    """What a handler, or an error, has to say: a whole body, or chunks of one as they become ready."""

    body: bytes | AsyncIterator[bytes]
    media_type: bytes = b"application/json"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Exchange, Receive], Awaitable[Answer]]


class Front:
    """ASGI: makes the Exchange, finds who answers, renders whatever is raised inside, counts and times."""

    def __init__(
        self,
        framework: ASGIApp,
        hot: Mapping[str, Handler],
        *,
        limits: Limits,
        metrics: Metrics,
        lifecycle: Lifecycle,
        render: Callable[[ServiceError, Exchange], Answer],
    ) -> None:
        """`hot` are the handlers of POST by path; `framework` answers everything else."""
        self._framework = framework
        self._hot = hot
        self._limits = limits
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = Exchange(scope)
        handler = self._hot.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            self._limits.admit(exchange)
            if handler is None:
                await self._ask_framework(exchange, scope, receive, send)
            else:
                exchange.route = exchange.path
                await self._send(await handler(exchange, receive), exchange, send)
        except CallerGone:
            exchange.status = CALLER_GONE
        except Exception as error:
            if exchange.status:  # the answer has begun: all that is left is to cut the connection
                raise
            refusal = _as_service_error(error, exchange)
            self._metrics.errors.labels(refusal.code).inc()
            await self._send(self._render(refusal, exchange), exchange, send)
        finally:
            self._limits.release(exchange)
            self._count(exchange)

    async def _send(self, answer: Answer, exchange: Exchange, send: Send) -> None:
        exchange.status = answer.status
        headers = [(b"content-type", answer.media_type), *answer.headers, *self._headers(exchange)]
        body = answer.body
        if isinstance(body, bytes):
            headers.append((b"content-length", b"%d" % len(body)))
            if not exchange.wire.respond(answer.status, headers, body):
                await send({"type": "http.response.start", "status": answer.status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            exchange.check_caller()
        await send({"type": "http.response.body"})

    async def _ask_framework(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers(exchange)]
            await send(message)

        scope["exchange"] = exchange
        if scope["method"] == "HEAD":  # wherever GET works; the server leaves out the body
            scope = {**scope, "method": "GET"}
        await self._framework(scope, receive, observed)
        exchange.route = _route(scope)
        if exchange.failure is not None:
            raise exchange.failure

    def _headers(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", exchange.request_id), (b"server-timing", exchange.server_timing())]
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))  # so that callers move to another server, none cut off
        return headers

    def _count(self, exchange: Exchange) -> None:
        method = exchange.method if exchange.route != UNMATCHED else "any"
        seconds = exchange.age()
        self._metrics.answered(exchange.route, method, str(exchange.status), exchange.stages, seconds)


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
            scope["exchange"].failure = error


def _route(scope: Scope) -> str:
    """The route's template, so that no caller can make up label values."""
    if path := getattr(scope.get("route"), "path", None):
        return str(path)
    return "/static" if "endpoint" in scope else UNMATCHED


def _as_service_error(error: Exception, exchange: Exchange) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    log.error("unforeseen", request_id=exchange.request_id.decode(), exc_info=error)
    return ServiceError("the service failed on this request; its log has the cause under this request_id")
