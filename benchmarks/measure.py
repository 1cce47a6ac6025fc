"""What is measured of which server. Every function gives samples of one round; `report` makes figures of all rounds."""

import http.client
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import uvloop
from numpy.typing import NDArray
from PIL import Image

from app.load import closed_loop, open_loop
from app.load import request as on_the_wire
from app.tasks.digits import strokes
from benchmarks import servers, wrk
from benchmarks.peers import Request, raw, rows
from benchmarks.servers import Running

SECONDS = 3  # of each closed loop
OPEN_SECONDS = 5.0
MANY = 64  # connections
OPEN_CONNECTIONS = 256
BATCH = 1024
CHUNK = 64  # images: the service's max_batch_size
LARGE_BATCH = 10_000
BESIDE_SECONDS, BETWEEN_PROBES = 6, 0.003
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


def steady(running: Running) -> Iterator[Sample]:
    """Open loops at 80 % of what a closed loop of the same requests just reached."""
    for what in ("raw", "raw cnn") if running.name == "digitserve" else ("raw",):
        wire = _wires(running)[what]
        yield from _opened(running, what, wire, share=0.8)


def overloaded(running: Running) -> Iterator[Sample]:
    """Open loops at 200 %: single images, and batches, of which a refusal saves something."""
    for what in ("raw cnn", "batch of 64 cnn"):
        yield from _opened(running, what, _wires(running)[what], share=2.0)


def _opened(running: Running, what: str, wire: bytes, *, share: float) -> Iterator[Sample]:
    capacity = uvloop.run(closed_loop(running.port, [wire], connections=MANY, seconds=SECONDS)).rate
    load = uvloop.run(
        open_loop(running.port, [wire], rate=capacity * share, seconds=OPEN_SECONDS, connections=OPEN_CONNECTIONS)
    )
    refused = load.statuses[429]
    of = f"{what} at {share:.0%}"
    yield Sample(running.name, f"{of} offered", load.due / OPEN_SECONDS / capacity)
    yield Sample(running.name, f"{of} goodput", load.rate / capacity)
    yield Sample(running.name, f"{of} p50", load.percentile(50))
    yield Sample(running.name, f"{of} p99", load.percentile(99))
    yield Sample(running.name, f"{of} refused", refused)
    yield Sample(running.name, f"{of} refused without Retry-After", load.refused_without_retry_after)
    yield Sample(running.name, f"{of} answered otherwise", sum(load.statuses.values()) - load.statuses[200] - refused)


def _wires(running: Running) -> dict[str, bytes]:
    path = "/v1/predict" if running.name == "digitserve" else "/predict"
    return {
        "raw": on_the_wire(f"{path}{MLP}", FRAME, "application/octet-stream"),
        "raw cnn": on_the_wire(f"{path}{CNN}", FRAME, "application/octet-stream"),
        "batch of 64 cnn": on_the_wire(f"{path}/batch{CNN}", bytes(_frames(64)), "application/octet-stream"),
    }


def single_beside_batches(running: Running, core: int) -> Iterator[Sample]:
    """Latency of single images, a few milliseconds apart, while one large batch after another is read.

    The probes sleep between one another: what sends the batches shares their core.
    """
    batch = Request(f"/v1/predict/batch{CNN}", RAW, bytes(_frames(LARGE_BATCH)))
    with ThreadPoolExecutor(1) as other:
        batches = other.submit(wrk.closed_loop, running.port, batch, connections=1, seconds=BESIDE_SECONDS, core=core)
        time.sleep(0.5)
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        seconds = []
        while not batches.done():
            seconds.append(_probe(connection))
            time.sleep(BETWEEN_PROBES)
        connection.close()
    p50, p99 = np.percentile(seconds, (50, 99))
    yield Sample("digitserve", "single beside batches p50", float(p50))
    yield Sample("digitserve", "single beside batches p99", float(p99))
    yield Sample("digitserve", "large batches a second", batches.result().rate)


def _probe(connection: http.client.HTTPConnection) -> float:
    started = time.perf_counter()
    connection.request("POST", f"/v1/predict{CNN}", FRAME, RAW)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"a single image beside batches was answered {answer.status}")
    return time.perf_counter() - started


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


def _frames(images: int) -> NDArray[np.uint8]:
    """The project's digits again and again, each shifted a little so that no two chunks are the same."""
    digits = np.stack([strokes.render(digit) for digit in range(10)])
    return np.stack([np.roll(digits[n % 10], n % 5 - 2, axis=n % 2) for n in range(images)])


def _png() -> bytes:
    file = io.BytesIO()
    Image.frombytes("L", (28, 28), FRAME).save(file, "PNG")
    return file.getvalue()
