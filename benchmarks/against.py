"""`python -m benchmarks.against COMMIT`: CPU of the service per request, in turns with the service of another commit.

Both run at once on one core, the load on another, and take turns of a second: what this machine does meanwhile befalls
both. CPU is that of all processes of a service, so that work which moves from one to another still counts.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
import uvloop
from PIL import Image

from app.load import closed_loop, request
from app.tasks.digits import strokes
from benchmarks import servers
from benchmarks.attack.containers import saved
from benchmarks.attack.tree import Tree, settled_seconds
from benchmarks.attack.wrappings import separate_zip
from benchmarks.servers import ROOT, Running

SECONDS, WARM_SECONDS = 1.0, 2.0  # of each turn
CONNECTIONS = 8
SINGLE, BATCH = "/v1/predict", "/v1/predict/batch"
BATCH_IMAGES = 256
UNSAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def requests() -> dict[str, bytes]:
    """What is asked, by its name."""
    digits = np.stack([strokes.render(digit) for digit in range(10)])
    many = np.resize(digits, (BATCH_IMAGES, 28, 28))
    small = [saved(Image.fromarray(frame), "PNG") for frame in digits]
    canvases = [saved(Image.fromarray(255 - strokes.render(digit, size=280)), "PNG") for digit in range(10)]
    raw, json = "application/octet-stream", "application/json"
    return {
        "raw": request(SINGLE, digits[7].tobytes(), raw),
        "raw, in a trace that is not sampled": request(SINGLE, digits[7].tobytes(), raw, traceparent=UNSAMPLED),
        "JSON": request(SINGLE, orjson.dumps({"pixels": digits[7].tolist()}), json),
        "PNG of 28x28": request(SINGLE, small[7], "image/png"),
        "PNG of a canvas": request(SINGLE, canvases[7], "image/png"),
        "batch of 256, raw": request(BATCH, many.tobytes(), raw),
        "batch of 256, JSON": request(BATCH, orjson.dumps({"pixels": many.tolist()}), json),
        "batch of 20 canvases, ZIP": request(BATCH, separate_zip(canvases * 2), "application/zip"),
    }


def main(
    commit: Annotated[str, typer.Argument(help="What this one is compared with, as git names it.")],
    rounds: Annotated[int, typer.Option(min=3, help="Turns of each, with each request.")] = 9,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One of this one's settings alone, as DIGITSERVE_OTLP_ENDPOINT=URL."),
    ] = None,
    only: Annotated[str, typer.Option(metavar="NAME", help="Of the requests, those that begin so.")] = "",
) -> None:
    """CPU seconds of the service per request, as a ratio to another commit's."""
    server, load = servers.cores()
    own = dict(one.split("=", 1) for one in setting or ())
    os.sched_setaffinity(0, {load})
    with ExitStack() as stack:
        there = stack.enter_context(checked_out(commit))
        running = {
            folder: stack.enter_context(servers.digitserve(server, folder, DIGITSERVE_WORKERS="1", **settings))
            for folder, settings in ((there, {}), (ROOT, own))
        }
        typer.echo(
            f"| CPU per request | {commit} | now | ratio, median of {rounds} | quartiles |\n|---|---|---|---|---|"
        )
        for name, wire in requests().items():
            if name.startswith(only):
                typer.echo(_row(name, _measured(running, wire, rounds)))


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the tree of another commit, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="digitserve-against-") as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
        yield Path(folder)


def _measured(running: Mapping[Path, Running], wire: bytes, rounds: int) -> list[list[float]]:
    """CPU seconds per request, by round and service."""
    for one in running.values():
        _seconds_each(one, wire, WARM_SECONDS)
    turns = [[*running], [*running][::-1]]
    found = [{folder: _seconds_each(running[folder], wire, SECONDS) for folder in turns[n % 2]} for n in range(rounds)]
    return [[one[folder] for folder in running] for one in found]


def _seconds_each(one: Running, wire: bytes, seconds: float) -> float:
    tree = Tree(one.pid)
    before = settled_seconds(tree)
    load = uvloop.run(closed_loop(one.port, [wire], connections=CONNECTIONS, seconds=seconds))
    if set(load.statuses) != {200}:
        raise RuntimeError(f"{one.name} answered {dict(load.statuses)}")
    return (settled_seconds(tree) - before) / load.statuses[200]


def _row(name: str, seconds: list[list[float]]) -> str:
    before, now = np.median(seconds, axis=0)
    ratios = [now / before for before, now in seconds]
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    return f"| {name} | {before * 1e6:,.0f} us | {now * 1e6:,.0f} us | {middle:.2f} | {low:.2f} to {high:.2f} |"


if __name__ == "__main__":
    typer.run(main)
