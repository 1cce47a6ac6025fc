"""What is measured of the real service: costs of each kind of request, memory, starts, /metrics, and open loops.

CPU is that of all processes of the service, and hardly depends on what else the machine does; times by the clock do.
"""

import os
import re
import socket
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import typer
import uvloop

from app.load import CONTENT_LENGTH, Load, closed_loop, open_loop
from benchmarks import servers
from benchmarks.attack.tree import Tree, settled_seconds
from benchmarks.scale import stalls
from benchmarks.scale.kinds import PHOTO, PIXELS, PIXELS_64, Asked, frames, kinds
from benchmarks.scale.samples import Kind, Measured, Point, Scrape, Trace
from benchmarks.servers import Running

SECONDS, WARM_SECONDS, RUN_SECONDS = 0.5, 0.1, 0.25
OPEN_SECONDS, WATCH_SECONDS = 3.0, 1.0
OPEN_ROUNDS = 3
CONNECTIONS = 256  # of an open loop
CALM_WITHIN, CALM_SECONDS, CALM_SHARE = 2.0, 0.1, 0.1
RUN_ROWS = (1, 4, 16, 64)
LATE_SECONDS = 0.2  # by which what is counted may be late
RUN_TURNS = 8
STARTS = 3
SCRAPES, BETWEEN_SCRAPES = 10, 0.1  # seconds: /metrics is read once for all who ask within 0.05
PATIENT = {"DIGITSERVE_MAX_WAIT_SECONDS": "60", "DIGITSERVE_DEADLINE_SECONDS": "60"}
WAIT_SECONDS = 0.2  # at most, in open loops, so that an overload has something to refuse
IMPATIENT = {"DIGITSERVE_MAX_WAIT_SECONDS": str(WAIT_SECONDS)}
SHARES = {PIXELS: (0.3, 0.6, 0.8), PIXELS_64: (0.3, 0.6, 2.0), PHOTO: (0.3, 0.6, 2.0)}
SERIES = re.compile(r"^(digitserve_\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)
CPUINFO = Path("/proc/cpuinfo")
DECODER = b"app.serving.child"


class Cost(NamedTuple):
    """Of a request, in one round."""

    loop: float
    decode: float
    rate: float
    rows: float
    run_rows: float


class Service(NamedTuple):
    """One worker that is up, and its process for pictures."""

    running: Running
    tree: Tree
    decoder: Tree

    @property
    def port(self) -> int:
        return self.running.port

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
        return text


def measure(rounds: int) -> Measured:
    """Raises NoServer where there are not two cores, RuntimeError where a request is answered otherwise than 200."""
    server, load = servers.cores()
    os.sched_setaffinity(0, {load})
    loads, costs = list[float](), defaultdict[str, list[Cost]](list)
    alone = list[float]()
    with _service(server, **PATIENT) as service:
        asked = kinds()
        for one in asked:
            _cost(service, one, WARM_SECONDS)
        for number in range(rounds):
            loads.append(os.getloadavg()[0])
            for one in asked if number % 2 else asked[::-1]:
                _wait_for_calm(server, load)
                costs[one.name].append(_cost(service, one))
            alone.append(_cost(service, asked[0]._replace(connections=1)).loop)
            typer.echo(f"round {number + 1}: " + ", ".join(f"{k} {sum(c[-1][:2]):.6f}" for k, c in costs.items()))
        found = [_kind(service, one, costs[one.name]) for one in asked]
        runs = [(rows, _run_seconds(service, rows)) for rows in RUN_ROWS]
        client = _client_seconds(service, asked[0])
        scrape = _scrape(service)
    with _service(server, **IMPATIENT) as service:
        points = [*_points(service, {one.name: one for one in asked}, {k.name: k for k in found}, server, load)]
    return Measured(
        machine=_machine(),
        date=date.today().isoformat(),
        load=loads,
        kinds=found,
        runs=runs,
        alone_seconds=alone,
        client_seconds=client,
        starts=[_start_seconds(server) for _ in range(STARTS)],
        workers_bytes=[_memory(server, workers) for workers in (1, 2)],
        models_bytes=sum(one.stat().st_size for one in servers.MODELS.rglob("model.onnx")),
        scrape=scrape,
        points=points,
    )


@contextmanager
def _service(core: int, **settings: str) -> Iterator[Service]:
    with servers.digitserve(core, DIGITSERVE_WORKERS="1", **settings) as running:
        tree = Tree(running.pid)
        decoder = next(pid for pid in tree.pids() if DECODER in Path(f"/proc/{pid}/cmdline").read_bytes())
        yield Service(running, tree, Tree(decoder))


def _cost(service: Service, asked: Asked, seconds: float = SECONDS) -> Cost:
    """Measured until so many seconds of CPU are spent: where others take most of a core, that takes long."""
    text, began = service.metrics(), (settled_seconds(service.tree), service.decoder.cpu_seconds())
    done, clock, in_all, decode = 0, 0.0, 0.0, 0.0
    while in_all < seconds:
        load = _closed(service, asked.wires, asked.connections, seconds / 2)
        done, clock = done + load.statuses[200], clock + load.seconds
        in_all, decode = settled_seconds(service.tree) - began[0], service.decoder.cpu_seconds() - began[1]
    time.sleep(LATE_SECONDS)
    counted = _difference(text, service.metrics())
    return Cost(
        (in_all - decode) / done,
        decode / done,
        done / clock,
        counted["digitserve_inference_rows_total"] / counted["digitserve_inferences_total"],
        counted["digitserve_run_images_sum"] / counted["digitserve_run_images_count"],
    )


def _closed(service: Service, wires: Sequence[bytes], connections: int, seconds: float) -> Load:
    load = uvloop.run(closed_loop(service.port, wires, connections=connections, seconds=seconds))
    if set(load.statuses) != {200}:
        raise RuntimeError(f"the service answered {dict(load.statuses)}")
    return load


def _difference(before: str, after: str) -> dict[str, float]:
    """Of what is counted, summed over its labels."""
    return {name: value - _sums(before)[name] for name, value in _sums(after).items()}


def _sums(text: str) -> dict[str, float]:
    sums = defaultdict[str, float](float)
    for name, _, value in SERIES.findall(text):
        sums[name] += float(value)
    return sums


def _kind(service: Service, asked: Asked, costs: Sequence[Cost]) -> Kind:
    sizes = [1.0]
    if median(one.decode for one in costs) > median(one.loop for one in costs):
        each = [_cost(service, asked._replace(wires=[wire]), RUN_SECONDS).decode for wire in asked.wires]
        sizes = [one / float(np.mean(each)) for one in each]
    return Kind(
        name=asked.name,
        images=asked.images,
        request_bytes=round(float(np.mean([*map(len, asked.wires)]))),
        answer_bytes=round(float(np.mean([_answer_bytes(service.port, wire) for wire in asked.wires]))),
        connections=asked.connections,
        loop_seconds=[one.loop for one in costs],
        decode_seconds=[one.decode for one in costs],
        sizes=sizes,
        rows=median(one.rows for one in costs),
        run_rows=median(one.run_rows for one in costs),
        rates=[one.rate for one in costs],
    )


def _answer_bytes(port: int, wire: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(wire)
        received = b""
        while not (length := CONTENT_LENGTH.search(received)) or len(received) < received.find(b"\r\n\r\n") + 4 + int(
            length[1]
        ):
            if not (data := connection.recv(65536)):
                raise RuntimeError("the service hung up")
            received += data
    return len(received)


def _run_seconds(service: Service, rows: int) -> float:
    """Of a run of so many, as /metrics has it: the least of several turns, for others' work only adds to it."""
    means = []
    for _ in range(RUN_TURNS):
        before = service.metrics()
        _closed(service, [frames(rows)], 1, RUN_SECONDS)
        time.sleep(LATE_SECONDS)
        found = _of_rows(service.metrics(), rows) - _of_rows(before, rows)
        means.append(float(found[1] / found[0]))
    return min(means)


def _of_rows(text: str, rows: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Runs and their seconds."""
    of = dict.fromkeys(("digitserve_runs_total", "digitserve_run_seconds_total"), 0.0)
    for name, labels, value in SERIES.findall(text):
        if name in of and f'rows="{rows}"' in labels:
            of[name] += float(value)
    return np.array([*of.values()])


def _client_seconds(service: Service, asked: Asked) -> float:
    """CPU of the load's process for a request."""
    before = time.process_time()
    load = _closed(service, asked.wires, asked.connections, SECONDS)
    return (time.process_time() - before) / load.statuses[200]


def _scrape(service: Service) -> Scrape:
    text, before = service.metrics(), settled_seconds(service.tree)
    for _ in range(SCRAPES):
        service.metrics()
        time.sleep(BETWEEN_SCRAPES)
    seconds = (settled_seconds(service.tree) - before) / SCRAPES
    names = [line.partition("{")[0] for line in text.splitlines() if line and not line.startswith("#")]
    by_rows = sum(name in ("digitserve_runs_total", "digitserve_run_seconds_total") for name in names)
    return Scrape(series=len(names), bytes=len(text), seconds=seconds, run_series=by_rows)


def _points(
    service: Service, asked: Mapping[str, Asked], found: Mapping[str, Kind], server: int, load: int
) -> Iterator[Point]:
    order = [(name, share) for name, shares in SHARES.items() for share in shares]
    for name in SHARES:
        uvloop.run(closed_loop(service.port, asked[name].wires, connections=1, seconds=SECONDS))
    for number in range(OPEN_ROUNDS):
        for name, share in order if number % 2 else order[::-1]:
            _wait_for_calm(server, load)
            before = _watched(server, load, share)
            rate = share / found[name].seconds
            seen = uvloop.run(
                open_loop(
                    service.port,
                    asked[name].wires,
                    rate=rate,
                    seconds=OPEN_SECONDS,
                    connections=CONNECTIONS,
                    seed=number,
                )
            )
            after = _watched(server, load, share)
            ended = sum(seen.statuses.values())
            yield Point(
                kind=name,
                share=share,
                rate=rate,
                seconds=OPEN_SECONDS,
                p50=seen.percentile(50),
                p99=seen.percentile(99),
                refused=seen.statuses[429] / max(1, ended),
                answered=ended / seen.due,
                server_trace=before[0] + after[0],
                client_trace=before[1] + after[1],
            )
            typer.echo(f"{name} at {share:.0%}: p50 {seen.percentile(50):.5f} p99 {seen.percentile(99):.5f}")


def _watched(server: int, load: int, share: float) -> tuple[Trace, Trace]:
    """What either core loses: the server's as at that utilisation, the load's as it always works."""
    return stalls.watch(server, min(1.0, share), WATCH_SECONDS), stalls.watch(load, 1.0, WATCH_SECONDS)


def _wait_for_calm(*cores: int) -> None:
    """Until others leave both cores alone, or it has been waited for long enough."""
    deadline = time.monotonic() + CALM_WITHIN
    while time.monotonic() < deadline:
        if all(stalls.share_lost(stalls.watch(core, 0.5, CALM_SECONDS)) < CALM_SHARE for core in cores):
            return


def _start_seconds(core: int) -> float:
    began = time.perf_counter()
    with servers.digitserve(core, DIGITSERVE_WORKERS="1"):
        return time.perf_counter() - began


def _memory(core: int, workers: int) -> tuple[int, int]:
    """Of all processes of so many workers, after all kinds of requests."""
    with servers.digitserve(core, DIGITSERVE_WORKERS=str(workers)) as running:
        for one in kinds():
            uvloop.run(closed_loop(running.port, one.wires, connections=one.connections, seconds=SECONDS))
        return workers, Tree(running.pid).pss()


def _machine() -> str:
    named = [line.partition(":")[2].strip() for line in CPUINFO.read_text().splitlines() if "model name" in line]
    return f"{named[0] if named else 'an unknown processor'} with {os.cpu_count()} cores"
