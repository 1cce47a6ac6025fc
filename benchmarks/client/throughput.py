"""The client in turns with wrk, which sends such requests, made beforehand, again and again: the service's limit."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
import numpy as np
from digitserve_client import Client
from digitserve_client.chunks import FRAMES, PICTURES
from digitserve_client.many import AT_ONCE

from benchmarks import wrk
from benchmarks.client import material
from benchmarks.client.restarts import serving
from benchmarks.measure import RAW
from benchmarks.peers import Request

SECONDS = 5  # of wrk in each turn
BATCH = "/v1/predict/batch"


class Race(NamedTuple):
    what: str
    images: int
    """In each turn, of the client."""
    in_a_request: int
    goal: float


RACES = {
    "typed": Race("frames, `predict_many`", 60_000, FRAMES, 0.8),
    "arrays": Race("frames, `probabilities`", 60_000, FRAMES, 0.8),
    "files": Race("PNG files, `predict_many`", 4_000, PICTURES, 0.8),
}


class Turn(NamedTuple):
    """Images a second."""

    client: float
    wrk: float


def race(name: str, turns: int) -> Iterator[Turn]:
    """Turn after turn, each with the client first or last, by turns."""
    one = RACES[name]
    with TemporaryDirectory(prefix="digitserve-client-") as folder, serving() as service:
        frames = material.digits()[material.order(one.images)]
        paths = material.files(Path(folder) / "pictures", one.images) if name == "files" else []
        request = _request(name, frames, paths, service.url)

        def limit() -> float:
            measured = wrk.closed_loop(service.port, request, connections=AT_ONCE, seconds=SECONDS, core=0)
            return measured.rate * one.in_a_request

        with Client(service.url) as client:
            asks: dict[str, Callable[[], int]] = {
                "typed": lambda: sum(1 for _ in client.predict_many(frames)),
                "arrays": lambda: len(client.probabilities(frames)),
                "files": lambda: sum(1 for _ in client.predict_many(paths)),
            }

            def reached() -> float:
                began = time.perf_counter()
                return asks[name]() / (time.perf_counter() - began)

            reached(), limit()  # warms up
            for turn in range(turns):
                if turn % 2:
                    wrks, clients = limit(), reached()
                else:
                    clients, wrks = reached(), limit()
                yield Turn(clients, wrks)


def _request(name: str, frames: material.Frames, paths: list[Path], url: str) -> Request:
    if name == "files":
        parts = [("files", (path.name, path.read_bytes(), "image/png")) for path in paths[:PICTURES]]
        form = httpx.Request("POST", url, files=parts)
        return Request(BATCH, {"Content-Type": form.headers["Content-Type"]}, form.read())
    headers = RAW | {"Accept": "application/x-npy"} if name == "arrays" else RAW
    return Request(BATCH, headers, np.ascontiguousarray(frames[:FRAMES]).tobytes())
