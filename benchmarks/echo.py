"""`python -m benchmarks.echo KIND PORT`: a bare gRPC server that sends back what comes, to compare others with."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop

from app.grpc.server import SERVICE
from app.grpc.server import THREADS as MOST_THREADS

THREADS, AIO = "threads", "aio"
METHOD = "ModelInfer"


def main(kind: str, port: int) -> None:
    if kind == THREADS:
        server = grpc.server(ThreadPoolExecutor(MOST_THREADS))
        _prepare(server, lambda request, _: request, port)
        server.start()
        server.wait_for_termination()
    else:
        uvloop.run(_aio(port))


async def _aio(port: int) -> None:
    async def echo(request: bytes, _: Any) -> bytes:
        return request

    server = grpc.aio.server()
    _prepare(server, echo, port)
    await server.start()
    await asyncio.Event().wait()


def _prepare(server: Any, answer: Any, port: int) -> None:
    handlers = {METHOD: grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
