"""The gRPC server of one worker: threads that receive and send, and hand what came to the event loop of all else.

gRPC's asyncio server takes more: it brings calls to the loop one at a time, so that each is a run of its own.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

import grpc
import structlog
from grpc import StatusCode

from app.config import MIB, Settings
from app.errors import BadRequest, CallerGone, ServiceError, StartError
from app.grpc.errors import code_of, trailing_metadata_of
from app.grpc.messages import PACKAGE
from app.grpc.methods import Method
from app.serving.context import RequestContext, new_request_id
from app.serving.held import HeldBytes
from app.serving.inline import Inline
from app.serving.keys import Keys, sent_key
from app.serving.unpacking import most_unpacked, unpack
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:  # an extra
    from app.telemetry.tracing import Tracing

log = structlog.get_logger()

SERVICE = f"{PACKAGE}.GRPCInferenceService"
THREADS = 64  # calls of one worker that are received and answered at a time; each may hold a message
MOST_CALLS = 1024  # of one worker that have come, and mostly wait for a thread
MOST_CONNECTIONS = 1024
MOST_BYTES = 4 * MIB  # of a message, also when it is unpacked: gRPC's own usual limit
# What a packed message begins with, and no other: as a field's key the one has no type, the other no name here.
GZIP, ZLIB = 0x1F, 0x78
LOOK_SECONDS = 1.0  # how often it is looked which messages arrive too slowly
IDLE_SECONDS = 300
TRACE_HEADERS = "traceparent", "tracestate"
FAILURES = frozenset({StatusCode.UNKNOWN, StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED})

Context = Any  # grpc.ServicerContext
Outcome = bytes | Exception


class GrpcServer:
    """Answers the protocol's calls over gRPC. `methods` are by name."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        metrics: Metrics,
        held: HeldBytes,
        methods: dict[str, Method],
        tracing: "Tracing | None" = None,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._metrics = metrics
        self._held = held
        self._tracing = tracing
        self._receiving: dict[Context, float] = {}  # calls whose message is on its way, and since when
        self._handlers = {
            # Of a stream, though one message comes: so that keys are looked at before it is received, and its time is
            # ours to bound.
            name: grpc.stream_unary_rpc_method_handler(self._handler(f"/{SERVICE}/{name}", method))
            for name, method in methods.items()
        }

    async def start(self) -> None:
        """On the event loop. Raises StartError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, "grpc"), options=_options(self._settings), maximum_concurrent_rpcs=MOST_CALLS
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers),))
        host, port = self._settings.host, self._settings.grpc_port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise StartError(f"gRPC cannot listen on {address}; choose another --grpc-port") from error
        self._server.start()
        self._end_slow()

    async def stop(self) -> None:
        """Take no new calls, and let those in flight end."""
        await asyncio.to_thread(self._server.stop(self._settings.grace_seconds).wait)

    # On a thread of the server

    def _handler(self, route: str, method: Method) -> Callable[[Iterator[bytes], Context], bytes]:
        def handle(messages: Iterator[bytes], context: Context) -> bytes:
            call = self._begun(context)
            try:
                if self._keys and method.right is not None:
                    call.caller = self._keys.check(call.caller, _key_of(context), method.right)
                message = self._received(messages, context)
                answering = self._answered(method, message, _unpacked(message), call)
            except ServiceError as error:
                answering = _raising(error)
            outcome: SimpleQueue[Outcome] = SimpleQueue()
            handed = _Handed(answering, lambda found: outcome.put(self._ended(found, route, call)))
            self._loop.call_soon_threadsafe(handed.step)
            answer = outcome.get()
            if isinstance(answer, ServiceError):
                _refuse(answer, context)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return handle

    def _begun(self, context: Context) -> RequestContext:
        remaining = context.time_remaining()
        seconds = min(math.inf if remaining is None else remaining, self._settings.deadline_seconds)
        address = _address_of(context.peer())
        call = RequestContext(new_request_id(), address, lambda: not context.is_active(), monotonic() + seconds)
        if self._tracing is not None:
            sent = {name: value.encode() for name, value in context.invocation_metadata() if name in TRACE_HEADERS}
            parent, state = map(sent.get, TRACE_HEADERS)
            call.trace = self._tracing.begin(parent, state, call.started)
        return call

    def _received(self, messages: Iterator[bytes], context: Context) -> bytes:
        self._receiving[context] = monotonic()
        try:
            return next(messages)
        except StopIteration as error:
            raise BadRequest("a call brings one message; none came") from error
        finally:
            del self._receiving[context]

    # On the event loop

    def _end_slow(self) -> None:
        """Cancel calls whose messages take too long to arrive, so that none holds a thread for ever."""
        latest = monotonic() - self._settings.body_seconds
        for context, since in self._receiving.copy().items():
            if since < latest:
                context.cancel()
        self._loop.call_later(LOOK_SECONDS, self._end_slow)

    async def _answered(self, method: Method, message: bytes, content: bytes, call: RequestContext) -> bytes:
        self._held.add_body(call, len(message))
        if content is not message:
            self._held.add_made(call, len(content))
        return await method.answer(content, call)

    def _ended(self, outcome: Outcome, route: str, call: RequestContext) -> Outcome:
        """What is to be said, counted; what it held is so no more."""
        self._held.release(call)
        code = StatusCode.OK
        if isinstance(outcome, CallerGone):
            code = StatusCode.CANCELLED
        elif isinstance(outcome, Exception):
            if not isinstance(outcome, ServiceError):
                identity = call.request_id.decode()
                log.error("unforeseen", request_id=identity, exc_info=outcome)
                outcome = ServiceError(f"the service failed on this call; its log has the cause under {identity}")
            code = code_of(outcome)
            self._metrics.errors.labels(outcome.code).inc()
        ok, seconds = code is StatusCode.OK, call.age()
        self._metrics.answered(route, "gRPC", code.name, ok, call.model, call.rows, call.stages, seconds)
        if call.trace is not None:
            call.trace.end(*_told(route, code, call), failed=code in FAILURES)
        return outcome


def _told(route: str, code: StatusCode, call: RequestContext) -> tuple[str, dict[str, Any]]:
    """A span's name, and what it says. Source: OpenTelemetry's semantic conventions for RPC."""
    said = {
        "rpc.system.name": "grpc",
        "rpc.method": route.lstrip("/"),
        "rpc.response.status_code": code.name,
        "client.address": call.caller,
        "digitserve.request_id": call.request_id.decode(),
        "digitserve.model": call.model,
        "digitserve.rows": call.rows,
    }
    return route.lstrip("/"), {name: value for name, value in said.items() if value}


class _Handed(Inline[bytes]):
    """A call on the event loop, whose thread waits for what becomes of it."""

    __slots__ = ("_hand_back",)

    def __init__(self, answering: Coroutine[Any, Any, bytes], hand_back: Callable[[Outcome], None]) -> None:
        Inline.__init__(self, answering)
        self._hand_back = hand_back

    def done(self, outcome: Outcome) -> None:
        self._hand_back(outcome)


async def _raising(error: Exception) -> NoReturn:
    raise error


def _refuse(error: ServiceError, context: Context) -> NoReturn:
    context.set_trailing_metadata(trailing_metadata_of(error))
    context.abort(code_of(error), error.detail)
    raise AssertionError  # `abort` has raised; it says so to no type checker


def _unpacked(message: bytes) -> bytes:
    """Here and not by gRPC, which bounds what a message unpacks to by no less than what any may have."""
    if not message or message[0] not in {GZIP, ZLIB}:
        return message
    return unpack(message, min(MOST_BYTES, most_unpacked(len(message))))


def _key_of(context: Context) -> str:
    sent = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
    return sent_key(sent.get("authorization", ""), sent.get("x-api-key", ""))


def _options(settings: Settings) -> list[tuple[str, int]]:
    """Source: gRPC core, include/grpc/impl/channel_arg_names.h."""
    return [
        ("grpc.so_reuseport", 1),  # each worker has a socket of its own; the kernel spreads the connections
        ("grpc.max_receive_message_length", min(MOST_BYTES, settings.max_body_bytes)),
        ("grpc.max_send_message_length", -1),
        ("grpc.per_message_decompression", 0),
        ("grpc.max_allowed_incoming_connections", settings.max_connections or MOST_CONNECTIONS),
        ("grpc.server_handshake_timeout_ms", round(settings.head_seconds * 1000)),
        ("grpc.max_connection_idle_ms", IDLE_SECONDS * 1000),
    ]


def _address_of(peer: str) -> str:
    """`ipv4:127.0.0.1:50051` or `ipv6:%5B::1%5D:50051` -> the address. Source: gRPC's name resolution."""
    host, _, _ = peer.partition(":")[2].rpartition(":")
    return unquote(host).strip("[]")
