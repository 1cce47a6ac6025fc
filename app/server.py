"""The service as processes: one listening socket, and workers that accept from it."""

import ctypes
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import structlog

from app import welcome
from app.config import Settings
from app.errors import StartError
from app.link import ParentLink
from app.supervisor import Supervisor
from app.telemetry import shared

BACKLOG = 2048  # connections that wait to be accepted
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 4 * 1024 * 1024  # of memory that was freed; less costs time, for it must be had anew from the system


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises StartError where the address is taken or the workers cannot start."""
    with listen(settings) as listener, reserve_grpc(settings) as grpc_port, shared.share_between_workers():
        settings = settings.model_copy(update={"grpc_port": grpc_port})
        greeting = welcome.greeting(settings, listener.getsockname()[1]) if welcome.on_terminal(settings) else None
        _import_service()
        Supervisor(
            partial(_serve, settings, listener),
            listener,
            workers=settings.workers,
            stall_seconds=settings.stall_seconds,
            on_serving=greeting,
        ).run()


def _import_service() -> None:
    """Once, for all workers. Raises StartError where a library is missing or does not fit into memory."""
    try:
        import_module(f"{__package__}.main")
    except (ImportError, MemoryError) as error:
        advice = "install requirements/serve.lock, and see that ulimit -v allows 500 MB"
        raise StartError(f"the service cannot be loaded: {error or 'out of memory'}; {advice}") from error


def _serve(settings: Settings, listener: socket.socket, link: ParentLink) -> None:
    """What a worker does."""
    from app.http.server import serve
    from app.main import create_app

    shared.reserve_room()
    give_large_pieces_back()
    serve(settings, create_app(settings, link), listener)


def give_large_pieces_back() -> None:
    """Let the allocator give bodies and tensors back to the system as soon as they are freed.

    It learns to keep pieces of up to 32 MiB otherwise. Source: mallopt(3); only glibc has such a function.
    """
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


@contextmanager
def reserve_grpc(settings: Settings) -> Iterator[int | None]:
    """The port for gRPC, kept for the workers, each of which has a socket of its own there; None where none is wanted.

    Raises StartError where it is taken.
    """
    if settings.grpc_port is None:
        yield None
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as alone, socket.socket(family) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            alone.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as above: what was closed just now is no hindrance
            alone.bind((settings.host, settings.grpc_port))  # without sharing: so that another service's is found
            port = alone.getsockname()[1]
            alone.close()
            kept.bind((settings.host, port))
        except OSError as error:
            where = welcome.address(settings.host, settings.grpc_port)
            raise StartError(f"gRPC cannot listen on {where}: {_reason(error)}; choose another --grpc-port") from error
        structlog.get_logger().info("listening", grpc=welcome.address(settings.host, port))
        yield port


def listen(settings: Settings) -> socket.socket:
    """The socket that all workers accept from. Raises StartError where the address is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = welcome.address(settings.host, settings.port)
        raise StartError(f"cannot listen on {where}: {_reason(error)}; choose another --host or --port") from error
    structlog.get_logger().info("listening", url=f"http://{welcome.address(settings.host, listener.getsockname()[1])}")
    return listener


def _reason(error: OSError) -> str:
    """Without the address, which socket.create_server says once more."""
    return (error.strerror or str(error)).partition(" (while attempting")[0]
