"""uvicorn as this service runs it: one listening socket, and workers that accept from it."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, cast

import structlog
import uvicorn

from app.config import Settings
from app.errors import START_FAILED, StartError
from app.http.protocol import Door
from app.http.protocol.connection import Bounds
from app.supervisor import Line, Supervisor
from app.telemetry import metrics

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first


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
    server = uvicorn.Server(configure(settings, create_app(settings, line)))
    server.run([listener])
    if not server.started:  # of which uvicorn has told by an exit status only lately
        raise SystemExit(START_FAILED)


def configure(settings: Settings, app: Callable[..., Any]) -> uvicorn.Config:
    """uvicorn's options."""
    bounds = Bounds(settings.head_seconds, KEEP_ALIVE_SECONDS, settings.write_seconds, settings.max_connections)
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], Door(bounds)),  # uvicorn calls it, which is all that it does with it
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `api.proxies` knows who is calling, without a wrapper around the service
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
