"""The gRPC server of one worker, on the event loop of all else."""

import asyncio
import math
from asyncio import CancelledError
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
import structlog
from grpc import StatusCode

from app.config import MIB, Settings
from app.errors import BadRequest, CallerGone, ServiceError, StartError, TooSlow
from app.grpc.errors import code_of, trailing_metadata_of
from app.grpc.messages import PACKAGE
from app.grpc.methods import Method
from app.serving.context import RequestContext, new_request_id
from app.serving.keys import Keys, sent_key
from app.telemetry.metrics import Metrics

log = structlog.get_logger()

SERVICE = f"{PACKAGE}.GRPCInferenceService"
MOST_CALLS = 64  # of one worker at a time; each may hold a message
MOST_BYTES = 4 * MIB  # of a message, also when it is unpacked: gRPC's own usual limit
MOST_CONNECTIONS = 1024
IDLE_SECONDS = 300

Context = Any  # grpc.aio.ServicerContext, whose parameters no caller here needs


class GrpcServer:
    """Answers the protocol's calls over gRPC. `methods` are by name."""

    def __init__(self, settings: Settings, keys: Keys, metrics: Metrics, methods: dict[str, Method]) -> None:
        self._settings = settings
        self._keys = keys
        self._metrics = metrics
        self._handlers = {
            # Of a stream, though one message comes: so that it is up to `_received` when that is read, and for how long
            name: grpc.stream_unary_rpc_method_handler(self._handler(f"/{SERVICE}/{name}", method))
            for name, method in methods.items()
        }

    async def start(self) -> None:
        """On the event loop. Raises StartError where the port is taken."""
        self._server = grpc.aio.server(options=_options(self._settings), maximum_concurrent_rpcs=MOST_CALLS)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers),))
        host, port = self._settings.host, self._settings.grpc_port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise StartError(f"gRPC cannot listen on {address}; choose another --grpc-port") from error
        await self._server.start()

    async def stop(self) -> None:
        """Take no new calls, and let those in flight end."""
        await self._server.stop(self._settings.grace_seconds)

    def _handler(self, route: str, method: Method) -> Callable[[Any, Context], Coroutine[Any, Any, bytes]]:
        async def handle(_: Any, context: Context) -> bytes:
            call = self._begun(context)
            code = StatusCode.CANCELLED  # where nobody waits any more
            try:
                answer = await self._answered(method, call, context)
                code = StatusCode.OK
            except ServiceError as error:
                code = code_of(error)
                await self._refuse(error, context)
            except CallerGone as error:
                raise CancelledError from error
            except Exception as error:
                code = StatusCode.INTERNAL
                log.error("unforeseen", request_id=call.request_id.decode(), exc_info=error)
                raised = ServiceError(f"the service failed on this call; its log says why: {call.request_id.decode()}")
                await self._refuse(raised, context)
            finally:
                ok, seconds = code is StatusCode.OK, call.age()
                self._metrics.answered(route, "gRPC", code.name, ok, call.model, call.rows, call.stages, seconds)
            return answer

        return handle

    def _begun(self, context: Context) -> RequestContext:
        remaining = context.time_remaining()
        seconds = min(math.inf if remaining is None else remaining, self._settings.deadline_seconds)
        address = _address_of(context.peer())
        return RequestContext(new_request_id(), address, context.cancelled, monotonic() + seconds)

    async def _answered(self, method: Method, call: RequestContext, context: Context) -> bytes:
        if self._keys and method.right is not None:
            sent = dict(context.invocation_metadata())
            key = sent_key(str(sent.get("authorization", "")), str(sent.get("x-api-key", "")))
            call.caller = self._keys.check(call.caller, key, method.right)
        return await method.answer(await self._received(context), call)

    async def _received(self, context: Context) -> bytes:
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                content = await context.read()
        except TimeoutError as error:
            seconds = self._settings.body_seconds
            raise TooSlow(f"the message did not arrive within {seconds:g} s; send it faster, or less") from error
        if not isinstance(content, bytes):
            raise BadRequest("a call brings one message; none came")
        return content

    async def _refuse(self, error: ServiceError, context: Context) -> NoReturn:
        self._metrics.errors.labels(error.code).inc()
        await context.abort(code_of(error), error.detail, trailing_metadata_of(error))
        raise AssertionError  # `abort` has raised; it says so to no type checker


def _options(settings: Settings) -> list[tuple[str, int]]:
    """Source: gRPC core, include/grpc/impl/channel_arg_names.h."""
    return [
        ("grpc.so_reuseport", 1),  # each worker has a socket of its own; the kernel spreads the connections
        ("grpc.max_receive_message_length", min(MOST_BYTES, settings.max_body_bytes)),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", MOST_CALLS),
        ("grpc.max_allowed_incoming_connections", settings.max_connections or MOST_CONNECTIONS),
        ("grpc.server_handshake_timeout_ms", round(settings.head_seconds * 1000)),
        ("grpc.max_connection_idle_ms", IDLE_SECONDS * 1000),
    ]


def _address_of(peer: str) -> str:
    """`ipv4:127.0.0.1:50051` or `ipv6:%5B::1%5D:50051` -> the address. Source: gRPC's name resolution."""
    host, _, _ = peer.partition(":")[2].rpartition(":")
    return unquote(host).strip("[]")
