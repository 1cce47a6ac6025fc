"""uvicorn as this service runs it: one listening socket, one worker or many, an orderly end."""

import re
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from app import log, metrics
from app.config import Settings
from app.errors import StartError

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises StartError where the address is taken or the workers cannot start."""
    with listen(settings) as listener:
        if settings.workers == 1:
            uvicorn.Server(configure(settings, partial(build, settings, listener), factory=True)).run([listener])
            return
        # The door of a socket that workers share is shut by their parent, when all of them stop.
        config = configure(settings, partial(build, settings, None), factory=True)
        with metrics.share_between_workers():
            Workers(config, listener, settings.drain_seconds).run()


def configure(settings: Settings, app: Callable[..., Any], *, factory: bool = False) -> uvicorn.Config:
    """uvicorn's options. `app` is the service, or with `factory` what makes it."""
    return uvicorn.Config(
        app,
        factory=factory,
        workers=settings.workers,
        http=PlainHttp,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def build(settings: Settings, listener: socket.socket | None) -> FastAPI:
    """The service, in the process that serves. Only that one imports ONNX Runtime; the workers' parent stays small."""
    from app.main import create_app

    log.configure(settings)
    return create_app(settings, listener)


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


class Workers(Multiprocess):
    """uvicorn's supervisor, which also shuts the shared door at the end and tells of a start that failed."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, drain_seconds: float) -> None:
        super().__init__(config, [listener])
        self._listener = listener
        self._drain_seconds = drain_seconds

    def run(self) -> None:
        """Raises StartError where the workers could not start; each has logged its reason."""
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartError("the workers could not start; the reason is logged above")

    def terminate_all(self) -> None:
        from app.api.lifecycle import shut_door

        super().terminate_all()
        if any(worker.exitcode is None for worker in self.processes):
            time.sleep(self._drain_seconds)
            shut_door(self._listener)


class PlainHttp(HttpToolsProtocol):
    """HTTP/1.1 without upgrades. A server may ignore an offer to upgrade (RFC 9110, 7.8), such as Java's clients make
    with every first request; httptools would drop the body of such a request, and read it as the next one.
    """

    inside_message = False

    def on_message_begin(self) -> None:
        self.inside_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self.inside_message = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if not self.inside_message:  # a head begins: nothing of a body can be meant
            head = data.find(b"\r\n\r\n") + 1
            if UPGRADE.search(data, 0, head):
                data = UPGRADE.sub(b"", data[:head]) + data[head:]
        super().data_received(data)

    def _unsupported_upgrade_warning(self) -> None:
        """An offer that came in pieces: what follows it is never taken for another request."""
        if self.cycle is not None:
            self.cycle.keep_alive = False
