"""`python -m benchmarks`: measures everything in one run on this machine and writes RESULTS.md."""

import gc
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from app.inference import bundle
from app.tasks.digits.manifest import read_bundle
from benchmarks import measure, report, servers
from benchmarks.measure import Sample
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.environment import PreparationError, prepare
from benchmarks.servers import MODELS, NoServer
from benchmarks.wrk import WrkError

FOLDER = Path(__file__).parent
IMPATIENT = {"DIGITSERVE_MAX_WAIT_SECONDS": "0.2"}  # so that an overload has something to refuse


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each of every server in turn.")] = 5,
    mixed_requests: Annotated[int, typer.Option(min=20_000, help="Requests of the memory test.")] = 1_000_000,
    out: Annotated[Path, typer.Option(help="Folder for RESULTS.md, its plot and the samples.")] = FOLDER,
    peers: Annotated[bool, typer.Option(help="Measure the peers, or digitserve and bare uvicorn alone.")] = True,
) -> None:
    """Measure digitserve, bare uvicorn, ONNX Runtime in-process and the peers, in turn; write the results."""
    server_core, load_core = servers.cores()
    os.sched_setaffinity(0, {load_core})
    chosen, absent = _prepared([one for one in PEERS if peers or one.name == "uvicorn"])
    gc.freeze()
    gc.disable()  # a pause of the load generator would count as the server's
    samples: list[list[Sample]] = []
    for number in range(1, rounds + 1):
        samples.append([])
        for sample in _round(chosen, server_core, load_core, absent):
            samples[-1].append(sample)
            typer.echo(f"round {number}  {sample.server:11} {sample.what:42} {sample.value:.6g}")
        gc.collect()
    with servers.digitserve(server_core) as running:
        for sample in measure.memory(running, mixed_requests):
            samples[-1].append(sample)
            typer.echo(f"memory   {sample.server:11} {sample.what:42} {sample.value:.6g}")
    (out / "samples.json").write_text(json.dumps(samples, indent=0) + "\n")
    versions = {"digitserve": version("digitserve")} | {one.name: _version(one) for one in chosen}
    report.write(out, report.rounds_of(samples), about=_about(rounds, samples), versions=versions, absent=absent)
    typer.echo(f"written: {out / 'RESULTS.md'}")


def _round(chosen: list[Peer], server_core: int, load_core: int, absent: dict[str, str]) -> Iterator[Sample]:
    yield from measure.inprocess(server_core)
    for one in chosen:
        if one.name in absent:
            continue
        try:
            with servers.peer(one, server_core) as running:
                if one.name == "uvicorn":
                    yield from measure.bare_uvicorn(running, load_core)
                    yield from measure.steady(running)
                else:
                    yield from measure.another_peer(running, load_core)
        except (NoServer, WrkError) as error:
            absent[one.name] = str(error)
        if one.name == "uvicorn":  # digitserve right after it, for their ratios are what is looked at most
            with servers.digitserve(server_core) as running:
                yield from measure.digitserve(running, load_core)
                yield from measure.steady(running)
                yield from measure.single_beside_batches(running, load_core)
            with servers.digitserve(server_core, **IMPATIENT) as running:
                yield from measure.overloaded(running)


def _prepared(wanted: list[Peer]) -> tuple[list[Peer], dict[str, str]]:
    ready: list[Peer] = []
    absent: dict[str, str] = {}
    for one in wanted:
        typer.echo(f"preparing {one.name}")
        try:
            prepare(one)
        except PreparationError as error:
            typer.echo(str(error), err=True)
            absent[one.name] = "its environment could not be made"
        else:
            ready.append(one)
    return ready, absent


def _model(name: str) -> str:
    """Its version, and what it computes in."""
    newest = bundle.versions(MODELS / name)[0]
    int8 = read_bundle(MODELS / name / newest).manifest.int8
    return f"{name}/{newest} in {'8-bit integers' if int8 else 'float32'}"


def _version(one: Peer) -> str:
    code = f"from importlib.metadata import version; print(version({one.distribution!r}))"
    return subprocess.run([prepare(one), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _about(rounds: int, samples: list[list[Sample]]) -> list[str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    mixed = next(sample.value for sample in samples[-1] if sample.what == "mixed requests")
    return [
        f"{cpu}; the server alone on one core, the load on another; Python {platform.python_version()}, ONNX Runtime "
        f"{version('onnxruntime')}, one thread, no GPU.",
        f"The newest versions of the models: {', '.join(map(_model, ('mlp-128-64', 'digits')))}.",
        f"{rounds} rounds, every server in turn in each; ratios are taken within a round, and their median counts.",
        f"The memory test, once, sent {mixed:,.0f} requests.",
        "What a peer is and how it was configured stands at the top of its `peers/NAME/server.py`.",
    ]


if __name__ == "__main__":
    typer.run(main)
