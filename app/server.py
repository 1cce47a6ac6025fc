"""uvicorn as this service runs it: one listening socket, and workers that accept from it."""

import re
import socket
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app import metrics
from app.api.wire import IS_GONE, Headers
from app.config import Settings
from app.errors import StartError
from app.supervisor import Line, Supervisor

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises StartError where the address is taken or the workers cannot start."""
    with listen(settings) as listener, metrics.share_between_workers():
        _import_service()
        Supervisor(
            partial(_serve, settings, listener),
            listener,
            workers=settings.workers,
            stall_seconds=settings.stall_seconds,
        ).run()


def _import_service() -> None:
    """Once, for all workers. Raises StartError where a library is missing or does not fit into memory."""
    try:
        import_module("app.main")
    except (ImportError, MemoryError) as error:
        advice = "install requirements/serve.lock, and see that ulimit -v allows 500 MB"
        raise StartError(f"the service cannot be loaded: {error or 'out of memory'}; {advice}") from error


def _serve(settings: Settings, listener: socket.socket, line: Line) -> None:
    """What a worker does."""
    from app.main import create_app

    metrics.reserve_room()
    uvicorn.Server(configure(settings, create_app(settings, line))).run([listener])


def configure(settings: Settings, app: Callable[..., Any]) -> uvicorn.Config:
    """uvicorn's options."""
    return uvicorn.Config(
        app,
        http=Http,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def listen(settings: Settings) -> socket.socket:
    """The socket that all workers accept from. Raises StartError where the address is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise StartError(f"cannot listen on {where}: {error.strerror}; choose another --host or --port") from error
    structlog.get_logger().info("listening", url=f"http://{settings.host}:{listener.getsockname()[1]}")
    return listener


class Wire:
    """`app.api.wire.Wire` over one of uvicorn's requests."""

    __slots__ = ("_cycle", "body", "scope")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self.scope = cycle.scope
        self.body = bytes(cycle.body)

    def is_gone(self) -> bool:
        return self._cycle.transport.is_closing()

    def respond(self, status: int, headers: Headers, body: bytes, *, close: bool) -> None:
        """What RequestResponseCycle.send does for two messages, without its pattern matching, in one write."""
        cycle = self._cycle
        content = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            content += (name, b": ", value, b"\r\n")
        closing = close or not cycle.keep_alive
        content += (b"connection: close\r\n\r\n" if closing else b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.body = bytearray()  # as `receive` leaves it, and `run_asgi` the callback: else they would stay
        done, cycle.on_response = cycle.on_response, _nothing
        if not cycle.transport.is_closing():
            cycle.transport.write(b"".join(content))
        if closing:
            cycle.transport.close()
        done()


def _nothing() -> None:
    pass


class Http(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which hands whole requests to `Front.take`, keeps one timer a connection, knows no upgrades.

    A server may ignore an offer to upgrade (RFC 9110, 7.8), such as Java's clients make with every first request;
    httptools would drop the body of such a request, and read it as the next one.
    """

    starting: tuple[RequestResponseCycle, Any] | None = None
    reading = False
    idle_since: float | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.takes = getattr(self.app, "takes", lambda _: False)  # a wrapped app has none: all goes through ASGI

    def data_received(self, data: bytes) -> None:
        if (b"pgrade:" in data or b"PGRADE:" in data) and self._a_head_begins():  # rare, so that this is looked at last
            head = data.find(b"\r\n\r\n") + 1
            data = UPGRADE.sub(b"", data[:head]) + data[head:]
        self.reading = True
        super().data_received(data)
        if self.flow.read_paused and not self.pipeline and not self.cycle.more_body:
            self.flow.resume_reading()  # a large body is here: what may come now is its caller's end, to be seen
        self._start()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.cycle.more_body = False  # also of a request that was refused before its body came

    def _a_head_begins(self) -> bool:
        """Whether what comes next is neither the rest of a head nor of a body, in which anything may stand."""
        return self.scope is None or ("method" in self.scope and not self.cycle.more_body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """uvicorn's, put off until all that came with a request's head has been parsed."""
        self.starting = cycle, app
        if not self.reading:
            self._start()

    def _start(self) -> None:
        self.reading = True  # an answer that is given at once starts the next pipelined request: here, not within
        while self.starting is not None:
            (cycle, app), self.starting = self.starting, None
            if not (cycle.more_body or self.flow.write_paused) and self.takes(cycle.scope):
                app.take(Wire(cycle))
            else:
                extensions: dict[str, Any] = {IS_GONE: self.transport.is_closing}
                cycle.scope["extensions"] = extensions
                super()._start_asgi_task(cycle, app)
        self.reading = False

    def _unsupported_upgrade_warning(self) -> None:
        """An offer that came in pieces: what follows it is never taken for another request."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """As uvicorn's, which however starts and stops a timer for each request: that takes about a microsecond."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.idle_since = time.monotonic()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self.idle_since = None

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self.idle_since is None:  # a request is being answered, whose end looks again
            return
        left = self.idle_since + self.timeout_keep_alive - time.monotonic()
        if left > 0:
            self._look_again_in(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
