"""`python -m benchmarks.protocols`: CPU of the service for one image of 28x28, by the protocol that brought it.

All run at once on one core, the load on another, and take turns of a second. Beside gRPC stand bare gRPC servers that
send back the same bytes: what is above them is what this service does.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Annotated, NamedTuple

import grpc
import numpy as np
import orjson
import typer
import uvloop

from app.grpc.codec import ModelInferRequest
from app.grpc.server import SERVICE
from app.load import closed_loop, request
from app.tasks.digits import strokes
from benchmarks import echo, servers
from benchmarks.attack.tree import Tree, settled_seconds
from benchmarks.servers import ROOT, Running

SECONDS, WARM_SECONDS = 1.0, 2.0  # of each turn
CONNECTIONS = 64
RPC_CONNECTIONS = 4  # each of which carries calls side by side
FRAME = strokes.render(7)
Load = Callable[[float], int]  # seconds -> requests answered


class Candidate(NamedTuple):
    name: str
    tree: Tree
    load: Load


def main(rounds: Annotated[int, typer.Option(min=3, help="Turns of each.")] = 7) -> None:
    server, load = servers.cores()
    os.sched_setaffinity(0, {load})
    with ExitStack() as stack:
        settings = {"DIGITSERVE_WORKERS": "1", "DIGITSERVE_GRPC_PORT": str(servers.free_port())}
        own = stack.enter_context(servers.digitserve(server, **settings))
        bare = [stack.enter_context(servers.bare_grpc(server, kind)) for kind in (echo.THREADS, echo.AIO)]
        for model in ("mlp-128-64", "digits"):
            _print(model, _measured(_candidates(model, own, int(settings["DIGITSERVE_GRPC_PORT"]), bare), rounds))


def _candidates(model: str, own: Running, grpc_port: int, bare: list[Running]) -> list[Candidate]:
    tree, rpc = Tree(own.pid), _rpc(model)
    return [
        Candidate("/v1/predict, raw", tree, partial(_http, own.port, _v1(model))),
        Candidate("/v2, binary", tree, partial(_http, own.port, _v2(model))),
        Candidate("gRPC", tree, partial(_grpc, grpc_port, rpc)),
        *(Candidate(f"gRPC echo, {one.name}", Tree(one.pid), partial(_grpc, one.port, rpc)) for one in bare),
    ]


def _v1(model: str) -> bytes:
    return request(f"/v1/predict?model={model}", FRAME.tobytes(), "application/octet-stream")


def _v2(model: str) -> bytes:
    tensor = {"name": "image", "shape": [1, *FRAME.shape], "datatype": "UINT8"}
    sized = {**tensor, "parameters": {"binary_data_size": FRAME.nbytes}}
    wanted = {"name": "probabilities", "parameters": {"binary_data": True}}
    head = orjson.dumps({"inputs": [sized], "outputs": [wanted]})
    sized_head = {"Inference_Header_Content_Length": str(len(head))}
    return request(f"/v2/models/{model}/infer", head + FRAME.tobytes(), "application/octet-stream", **sized_head)


def _rpc(model: str) -> bytes:
    asked = ModelInferRequest(model_name=model, raw_input_contents=[FRAME.tobytes()])
    asked.inputs.add(name="image", datatype="UINT8", shape=[1, *FRAME.shape])
    asked.outputs.add(name="probabilities")
    content: bytes = asked.SerializeToString()
    return content


def _http(port: int, wire: bytes, seconds: float) -> int:
    load = uvloop.run(closed_loop(port, [wire], connections=CONNECTIONS, seconds=seconds))
    if set(load.statuses) != {200}:
        raise RuntimeError(f"it answered {dict(load.statuses)}")
    return load.statuses[200]


def _grpc(port: int, message: bytes, seconds: float) -> int:
    return uvloop.run(_calls(port, message, seconds))


async def _calls(port: int, message: bytes, seconds: float) -> int:
    """Raises grpc.aio.AioRpcError."""
    options = [("grpc.use_local_subchannel_pool", 1)]  # else they would share one connection
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) for _ in range(RPC_CONNECTIONS)]
    until = time.monotonic() + seconds

    async def caller(number: int) -> int:
        call, done = channels[number % RPC_CONNECTIONS].unary_unary(f"/{SERVICE}/{echo.METHOD}"), 0
        while time.monotonic() < until:
            await call(message, wait_for_ready=True)
            done += 1
        return done

    counts = await asyncio.gather(*map(caller, range(CONNECTIONS)))
    for channel in channels:
        await channel.close()
    return sum(counts)


def _measured(candidates: list[Candidate], rounds: int) -> dict[str, list[float]]:
    """CPU seconds a request of each, by round."""
    for one in candidates:
        one.load(WARM_SECONDS)
    found: dict[str, list[float]] = {one.name: [] for one in candidates}
    for number in range(rounds):
        for one in candidates[:: 1 if number % 2 else -1]:
            before = settled_seconds(one.tree)
            answered = one.load(SECONDS)
            found[one.name].append((settled_seconds(one.tree) - before) / answered)
    return found


def _print(model: str, found: dict[str, list[float]]) -> None:
    typer.echo(f"\n| {model} | CPU a request | of raw | of the echo with threads | of the echo with aio |")
    typer.echo("|---|---|---|---|---|")
    raw, *_, threads, aio = found.values()
    for name, seconds in found.items():
        ratios = [np.median(np.divide(seconds, other)) for other in (raw, threads, aio)]
        typer.echo(f"| {name} | {np.median(seconds) * 1e6:,.0f} us | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")


if __name__ == "__main__":
    os.chdir(ROOT)
    typer.run(main)
