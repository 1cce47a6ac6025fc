"""The outermost layer: every request gets an id, timings, its place in the metrics, and an answer."""

from collections.abc import Callable

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.exchange import Exchange
from app.api.lifecycle import Lifecycle
from app.errors import ServiceError
from app.metrics import Metrics

log = structlog.get_logger()

UNMATCHED = "unmatched"
CLIENT_GONE = 499  # nginx's number for a caller that hung up; never sent, only counted


class ClientGone(Exception):
    """The caller hung up before its answer was ready: nobody is left to send it to."""


class Observe:
    """ASGI middleware: makes the Exchange, renders whatever is raised inside, counts and times."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        lifecycle: Lifecycle,
        render: Callable[[ServiceError, Exchange], Response],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = scope["exchange"] = Exchange(scope)
        if scope["method"] == "HEAD":  # wherever GET works; the server leaves out the body
            scope = {**scope, "method": "GET"}

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers(exchange)]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except ClientGone:
            exchange.status = CLIENT_GONE
        except Exception as error:
            if exchange.status:  # the answer has begun: all that is left is to cut the connection
                raise
            refusal = _as_service_error(error, exchange)
            self._metrics.errors.labels(refusal.code).inc()
            await self._render(refusal, exchange)(scope, receive, observed)
        finally:
            self._count(scope, exchange)

    def _headers(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", exchange.request_id), (b"server-timing", exchange.server_timing())]
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))  # so that callers move to another server, none cut off
        return headers

    def _count(self, scope: Scope, exchange: Exchange) -> None:
        metrics = self._metrics
        route = _route(scope)
        method = scope["method"] if route != UNMATCHED else "any"
        metrics.requests.labels(route, method, exchange.status).inc()
        for stage, seconds in exchange.stages.items():
            metrics.stage_seconds.labels(stage).observe(seconds)
        exchange.lap("rest")
        metrics.request_seconds.labels(route).observe(exchange.mark - exchange.started)


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
