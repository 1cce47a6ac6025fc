"""uvicorn as this service runs it: one listening socket, one worker or many, an orderly end."""

import asyncio
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from app import log, metrics
from app.config import Settings
from app.errors import START_FAILED, StartError
from app.protocol import Door
from app.protocol.connection import Bounds

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises StartError where the address is taken or the workers cannot start."""
    with listen(settings) as listener:
        if settings.workers == 1:
            server = uvicorn.Server(configure(settings, partial(build, settings, listener), factory=True))
            server.run([listener])
            if not server.started:  # of which uvicorn has told by an exit status only lately
                raise SystemExit(START_FAILED)
            return
        # The door of a socket that workers share is shut by their parent, when all of them stop.
        config = configure(settings, partial(build, settings, None), factory=True)
        with metrics.share_between_workers():
            Workers(config, listener, settings.drain_seconds).run()


def configure(settings: Settings, app: Callable[..., Any], *, factory: bool = False) -> uvicorn.Config:
    """uvicorn's options. `app` is the service, or with `factory` what makes it."""
    bounds = Bounds(settings.head_seconds, KEEP_ALIVE_SECONDS, settings.write_seconds, settings.max_connections)
    return uvicorn.Config(
        app,
        factory=factory,
        workers=settings.workers,
        http=cast(type[asyncio.Protocol], Door(bounds)),  # uvicorn calls it, which is all that it does with it
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def build(settings: Settings, listener: socket.socket | None) -> Callable[..., Any]:
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
        if any(worker.exitcode == START_FAILED for worker in self.processes):
            raise StartError("the workers could not start; the reason is logged above")

    def terminate_all(self) -> None:
        from app.api.lifecycle import shut_door

        super().terminate_all()
        if any(worker.exitcode is None for worker in self.processes):
            time.sleep(self._drain_seconds)
            shut_door(self._listener)
