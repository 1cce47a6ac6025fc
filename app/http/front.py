"""The outermost layer: who answers a request, and what every answer carries.

An endpoint answers, whichever way a request came. It comes by one of two lanes: the fast one for bodies that came
with their heads, run here and now (`serving.inline`) and answered in one write; and ASGI, a task each, for all else.
Endpoints are found by path, in front of FastAPI, whose routing alone costs more than running a small model.
FastAPI answers the rest, and documents these.
"""

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import CallerGone, NotFound, ServiceError
from app.http.access import AccessLog
from app.http.body import read_body
from app.http.endpoint import Endpoint
from app.http.exchange import Answer, Exchange
from app.http.lifecycle import Lifecycle
from app.http.limits import Limits
from app.http.problems import problem
from app.http.proxies import Proxies
from app.http.routes import UNMATCHED, Routes
from app.http.v1 import queries
from app.http.v1.queries import PREFIX as V1
from app.http.v2.errors import PREFIX as V2
from app.http.v2.errors import refusal
from app.http.wire import Headers, Wire, is_gone_of
from app.serving.context import IsGone
from app.serving.held import HeldBytes
from app.serving.inline import Inline
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:  # an extra
    from app.telemetry.tracing import Tracing

log = structlog.get_logger()

CALLER_GONE = 499  # nginx's number for a caller that hung up; never sent, only counted
REFUSED = 400  # the least status of a request that came to nothing
FAILED = 500  # the least of one that did so by the service's fault
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # that are counted by name
NO_SNIFFING = (b"x-content-type-options", b"nosniff")  # an answer is what its Content-Type says, nothing else


class Front:
    """ASGI, and more: makes the Exchange, finds who answers, renders whatever is raised inside, counts and times."""

    def __init__(
        self,
        framework: ASGIApp,
        endpoints: Mapping[str, Endpoint],
        *,
        routes: Routes,
        proxies: Proxies | None,
        limits: Limits,
        held: HeldBytes,
        metrics: Metrics,
        access: AccessLog,
        lifecycle: Lifecycle,
        tracing: "Tracing | None" = None,
    ) -> None:
        """`endpoints`, by the templates of their routes, answer POSTs; `framework` answers all else."""
        self._framework = framework
        self._endpoints = endpoints
        self.routes = routes
        self._proxies = proxies
        self._limits = limits
        self._held = held
        self._metrics = metrics
        self._access = access
        self._lifecycle = lifecycle
        self._tracing = tracing

    # The fast lane: `wire` is its whole contract with the server below

    def takes(self, scope: Scope) -> bool:
        """Whether `take` is for such a request."""
        found = self.routes.find(scope["path"])
        endpoint = None if found is None else self._endpoints.get(found.route.template)
        return endpoint is not None and endpoint.in_one_piece and scope["method"] == "POST"

    def take(self, wire: Wire) -> None:
        """Answer a request that has arrived whole."""
        exchange, endpoint = self._begun(wire.scope, wire.is_gone)
        assert endpoint is not None  # `takes` has seen it
        try:
            self._enter(exchange)
            admitted = endpoint.admit(exchange)
            self._held.add_body(exchange, len(wire.body))
        except Exception as error:
            self.settle(error, exchange, wire)
        else:
            exchange.lap("read")
            _Whole(endpoint.answer(exchange, admitted, wire.body), self, exchange, wire).step()

    def settle(self, outcome: Answer | Exception, exchange: Exchange, wire: Wire) -> None:
        """Send the answer to such a request, and end it."""
        try:
            answer = self._settled(outcome, exchange)
            if answer is not None:
                assert isinstance(answer.body, bytes)
                headers = self._headers(answer, exchange)
                wire.respond(answer.status, headers, answer.body, close=self._lifecycle.draining)
        finally:
            self._end(exchange)

    def refusal(self, error: ServiceError, client: tuple[str, int] | None) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a caller of whom no request could be read; counted as all are."""
        nothing = {"method": "", "path": "", "query_string": b"", "headers": (), "client": client}
        exchange = Exchange(nothing, is_gone_of(nothing))
        answer = self._rendered(error, exchange)
        assert isinstance(answer.body, bytes)
        self._end(exchange)
        return answer.status, self._headers(answer, exchange), answer.body

    # ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange, endpoint = self._begun(scope, is_gone_of(scope))
        outcome: Answer | Exception | None = None
        try:
            try:
                self._enter(exchange)
                if endpoint is None:
                    await self._ask_framework(exchange, scope, receive, send)
                else:
                    admitted = endpoint.admit(exchange)
                    content = await read_body(receive, exchange, self._limits, self._held)
                    exchange.lap("read")
                    outcome = await endpoint.answer(exchange, admitted, content)
            except Exception as error:
                if exchange.status:
                    raise  # the answer has begun: all that is left is to cut the connection
                outcome = error
            answer = None if outcome is None else self._settled(outcome, exchange)
            if answer is not None:
                await self._send(answer, exchange, send)
        except CallerGone:
            exchange.status = CALLER_GONE
        finally:
            del outcome  # an error, which by its traceback holds this frame, and with it the body
            self._end(exchange)

    def _settled(self, outcome: Answer | Exception, exchange: Exchange) -> Answer | None:
        """The answer, be it to an error; None where nobody waits for one."""
        if isinstance(outcome, Answer):
            exchange.status = outcome.status
            return outcome
        if isinstance(outcome, CallerGone):
            exchange.status = CALLER_GONE
            return None
        return self._rendered(outcome, exchange)

    async def _send(self, answer: Answer, exchange: Exchange, send: Send) -> None:
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
        """Its answer is sent as it comes. Raises UnknownParameter."""
        if exchange.query and exchange.path.startswith(V1) and exchange.template not in self._endpoints:
            queries.fields_of(exchange.query, self.routes.queried(exchange.path))

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

    # Both

    def _begun(self, scope: Scope, is_gone: IsGone) -> tuple[Exchange, Endpoint | None]:
        exchange = Exchange(scope, is_gone)
        if self._tracing is not None:
            sent, state = exchange.headers.get(b"traceparent"), exchange.headers.get(b"tracestate")
            exchange.trace = self._tracing.begin(sent, state, exchange.started)
        if self._proxies is not None:
            exchange.address = exchange.caller = self._proxies.caller(exchange.address, scope["headers"])
        found = self.routes.find(exchange.path)
        if found is None:
            return exchange, None
        route, exchange.parameters = found
        exchange.template, exchange.right = route.template, route.right
        return exchange, self._endpoints.get(route.template) if exchange.method == "POST" else None

    def _enter(self, exchange: Exchange) -> None:
        """By its route. Raises NotFound where there is none, and what `Limits.admit` does."""
        if exchange.template is UNMATCHED:
            raise NotFound(f"there is nothing at {exchange.path}; /docs lists what there is")
        self._limits.admit(exchange, exchange.right)

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

    def _rendered(self, error: Exception, exchange: Exchange) -> Answer:
        """The answer to an error, counted."""
        if not isinstance(error, ServiceError):
            log.error("unforeseen", request_id=exchange.request_id.decode(), exc_info=error)
            error = ServiceError("the service failed on this request; its log has the cause under this request_id")
        self._metrics.errors.labels(error.code).inc()
        of_v2 = exchange.path.startswith(V2)
        answer = refusal(error) if of_v2 else problem(error, exchange.request_id, exchange.trace_id)
        exchange.status = answer.status
        return answer

    def _end(self, exchange: Exchange) -> None:
        """Count it, and hold its body no more."""
        self._held.release(exchange)
        method = exchange.method if exchange.method in METHODS else "other"
        seconds = exchange.age()
        of_model = exchange.status < REFUSED, exchange.model, exchange.rows
        self._metrics.answered(exchange.template, method, exchange.status, *of_model, exchange.stages, seconds)
        self._access.note(exchange, method, seconds)
        if exchange.trace is not None:
            exchange.trace.end(*_told(exchange, method), failed=exchange.status >= FAILED)


def _told(exchange: Exchange, method: str) -> tuple[str, dict[str, Any]]:
    """A span's name, and what it says. Source: OpenTelemetry's semantic conventions for HTTP servers."""
    said = {
        "http.request.method": method,
        "http.route": exchange.template,
        "http.response.status_code": exchange.status,
        "client.address": exchange.address,
        "digitserve.request_id": exchange.request_id.decode(),
        "digitserve.model": exchange.model,
        "digitserve.rows": exchange.rows,
        "digitserve.decision": exchange.decision,
    }
    return f"{method} {exchange.template}", {name: value for name, value in said.items() if value}


class _Whole(Inline[Answer]):
    """A request in the fast lane."""

    __slots__ = ("_exchange", "_front", "_wire")

    def __init__(self, answering: Coroutine[Any, Any, Answer], front: Front, exchange: Exchange, wire: Wire) -> None:
        Inline.__init__(self, answering)
        self._front = front
        self._exchange = exchange
        self._wire = wire

    def done(self, outcome: Answer | Exception) -> None:
        self._front.settle(outcome, self._exchange, self._wire)


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
