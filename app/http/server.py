"""uvicorn as this service runs it."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn

from app.config import Settings
from app.errors import START_FAILED
from app.http.protocol import Door
from app.http.protocol.waiting import Bounds

KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first


def serve(settings: Settings, app: Callable[..., Any], listener: socket.socket) -> None:
    """Serve until told to stop. Raises SystemExit where the app did not start."""
    server = uvicorn.Server(configure(settings, app))
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
