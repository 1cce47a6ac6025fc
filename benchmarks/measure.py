"""What is measured of which server. Every function gives samples of one round; `report` makes figures of all rounds."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import uvloop
from PIL import Image

from app.imaging import strokes
from app.load import Load, closed_loop, open_loop
from app.load import request as on_the_wire
from benchmarks import servers, wrk
from benchmarks.peers import Request, raw, rows
from benchmarks.servers import Running

SECONDS = 3  # of each closed loop
OPEN_SECONDS = 5.0
MANY = 64  # connections
OPEN_CONNECTIONS = 1024
BATCH = 1024
CHUNK = 64  # images: the service's chunk_images
LARGE_BATCH = 10_000
PROBES_PER_SECOND = 100.0  # single images while large batches run
MLP, CNN = "?model=mlp-128-64", "?model=digits"
RAW = {"Content-Type": "application/octet-stream"}
FRAME = strokes.render(7).tobytes()


class Sample(NamedTuple):
    """One number: `what` of `server`, in one round."""

    server: str
    what: str
    value: float


def inprocess(core: int) -> Iterator[Sample]:
    """Seconds of a run on one thread, by model and images."""
    sizes = [1, 32, CHUNK, BATCH]
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.inprocess", *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=servers.ROOT)
    for model, runs in json.loads(done.stdout).items():
        for images, seconds in runs.items():
            yield Sample("in-process", f"{model} run of {images}", seconds)


def bare_uvicorn(running: Running, core: int) -> Iterator[Sample]:
    yield from _closed(running, core, "raw", raw(FRAME))
    yield from _closed(running, core, "png", Request("/predict", {"Content-Type": "image/png"}, _png()))
    yield from _closed(running, core, "alone", raw(FRAME), connections=1)


def another_peer(running: Running, core: int) -> Iterator[Sample]:
    peer = servers.find(running.name)
    yield from _closed(running, core, "raw", peer.request(FRAME))


def digitserve(running: Running, core: int) -> Iterator[Sample]:
    """Closed loops."""
    batch = bytes(_frames(BATCH))
    yield from _closed(running, core, "raw", Request(f"/v1/predict{MLP}", RAW, FRAME))
    yield from _closed(running, core, "raw cnn", Request(f"/v1/predict{CNN}", RAW, FRAME))
    yield from _closed(running, core, "png", Request(f"/v1/predict{MLP}", {"Content-Type": "image/png"}, _png()))
    yield from _closed(running, core, "json", rows(FRAME)._replace(path=f"/v1/predict{MLP}"))
    yield from _closed(running, core, "alone", Request(f"/v1/predict{MLP}", RAW, FRAME), connections=1)
    to_batch = Request(f"/v1/predict/batch{CNN}", RAW, batch)
    yield from _closed(running, core, "batch json", to_batch, connections=2)
    as_npy = to_batch._replace(headers=RAW | {"Accept": "application/x-npy"})
    yield from _closed(running, core, "batch npy", as_npy, connections=2)


def open_loops(running: Running, capacity: dict[str, float]) -> Iterator[Sample]:
    """At 80 and 200 % of the capacities that closed loops measured: raw images, drawings, and batches of 64."""
    for what, wire in open_requests().items():
        for share in (0.8, 2.0):
            rate = capacity[what] * share
            load = uvloop.run(
                open_loop(running.port, [wire], rate=rate, seconds=OPEN_SECONDS, connections=OPEN_CONNECTIONS)
            )
            yield from _opened(f"{what} at {share:.0%}", load, capacity[what])


def open_requests() -> dict[str, bytes]:
    drawing = io.BytesIO()
    Image.fromarray(255 - strokes.render(7, size=280)).save(drawing, "PNG")
    return {
        "raw mlp": on_the_wire(f"/v1/predict{MLP}", FRAME, "application/octet-stream"),
        "raw cnn": on_the_wire(f"/v1/predict{CNN}", FRAME, "application/octet-stream"),
        "drawing cnn": on_the_wire(f"/v1/predict{CNN}", drawing.getvalue(), "image/png"),
        "batch of 64 cnn": on_the_wire(f"/v1/predict/batch{CNN}", bytes(_frames(64)), "application/octet-stream"),
    }


def capacities(running: Running) -> dict[str, float]:
    """Requests a second in closed loops, by the same generator that then drives the open ones."""
    return {
        what: uvloop.run(closed_loop(running.port, [wire], connections=MANY, seconds=SECONDS)).rate
        for what, wire in open_requests().items()
    }


def single_beside_batches(running: Running) -> Iterator[Sample]:
    """Latency of single images while one large batch after another is read."""
    single = on_the_wire(f"/v1/predict{CNN}", FRAME, "application/octet-stream")
    batch = on_the_wire(f"/v1/predict/batch{CNN}", bytes(_frames(LARGE_BATCH)), "application/octet-stream")

    async def both() -> tuple[Load, Load]:
        batches = asyncio.create_task(closed_loop(running.port, [batch], connections=1, seconds=OPEN_SECONDS))
        await asyncio.sleep(0.5)
        singles = await open_loop(
            running.port, [single], rate=PROBES_PER_SECOND, seconds=OPEN_SECONDS - 1, connections=16
        )
        return singles, await batches

    singles, batches = uvloop.run(both())
    yield Sample("digitserve", "single beside batches p50", singles.percentile(50))
    yield Sample("digitserve", "single beside batches p99", singles.percentile(99))
    yield Sample("digitserve", "large batches read", batches.statuses[200])


def memory(running: Running, requests: int) -> Iterator[Sample]:
    """Resident memory after 10,000 requests of mixed kinds and sizes, and after `requests`."""
    mixed = _mixed_requests()
    sent, early = 0, 0
    while sent < requests:
        seconds = 5.0 if early else 0.5
        load = uvloop.run(closed_loop(running.port, mixed, connections=16, seconds=seconds))
        if set(load.statuses) != {200}:
            raise RuntimeError(f"the mixed load was answered {dict(load.statuses)}")
        sent += load.statuses[200]
        if not early and sent >= 10_000:
            early = running.resident_bytes()
            yield Sample("digitserve", "resident early", early)
    yield Sample("digitserve", "resident late", running.resident_bytes())
    yield Sample("digitserve", "mixed requests", sent)


def _mixed_requests() -> list[bytes]:
    raw_single = on_the_wire(f"/v1/predict{MLP}", FRAME, "application/octet-stream")
    sizes = np.random.default_rng(0).permutation([1, 2, 3, 5, 8, 13, 21, 33, 64, 65, 100, 150, 200])
    batches = [
        on_the_wire(f"/v1/predict/batch{MLP}", bytes(_frames(int(size))), "application/octet-stream") for size in sizes
    ]
    others = [
        on_the_wire(f"/v1/predict{CNN}", FRAME, "application/octet-stream"),
        on_the_wire(f"/v1/predict{MLP}", _png(), "image/png"),
        on_the_wire(f"/v1/predict{MLP}", rows(FRAME).body, "application/json"),
    ]
    return [wire for batch in batches for wire in (raw_single, raw_single, *others, batch)]


def _closed(running: Running, core: int, what: str, request: Request, *, connections: int = MANY) -> Iterator[Sample]:
    wrk.closed_loop(running.port, request, connections=connections, seconds=1, core=core)  # warms up
    measured = wrk.closed_loop(running.port, request, connections=connections, seconds=SECONDS, core=core)
    yield Sample(running.name, f"{what} rate", measured.rate)
    yield Sample(running.name, f"{what} p50", measured.p50 / 1e6)
    yield Sample(running.name, f"{what} p99", measured.p99 / 1e6)


def _opened(what: str, load: Load, capacity: float) -> Iterator[Sample]:
    refused = load.statuses[429]
    others = sum(load.statuses.values()) - load.statuses[200] - refused
    yield Sample("digitserve", f"{what} goodput", load.rate / capacity)
    yield Sample("digitserve", f"{what} p50", load.percentile(50))
    yield Sample("digitserve", f"{what} p99", load.percentile(99))
    yield Sample("digitserve", f"{what} offered", load.due / OPEN_SECONDS / capacity)
    yield Sample("digitserve", f"{what} refused", refused)
    yield Sample("digitserve", f"{what} refused without Retry-After", load.refused_without_retry_after)
    yield Sample("digitserve", f"{what} answered otherwise", others)


def _frames(images: int) -> np.ndarray:
    """The project's digits again and again, each shifted a little so that no two chunks are the same."""
    digits = np.stack([strokes.render(digit) for digit in range(10)])
    return np.stack([np.roll(digits[n % 10], n % 5 - 2, axis=n % 2) for n in range(images)])


def _png() -> bytes:
    file = io.BytesIO()
    Image.frombytes("L", (28, 28), FRAME).save(file, "PNG")
    return file.getvalue()
