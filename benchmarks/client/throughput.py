"""The client in turns with threads that send such requests, made beforehand, and do nothing with the answers.

The service has a core of its own, and so one worker: of several, some turns' connections would all be one's.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
import numpy as np
from digitserve_client import Client
from digitserve_client.chunks import FRAMES, PICTURES
from digitserve_client.many import AT_ONCE

from benchmarks import servers
from benchmarks.client import material
from benchmarks.measure import RAW
from benchmarks.peers import Request

BATCH = "/v1/predict/batch"
PATIENT = {"DIGITSERVE_MAX_WAIT_SECONDS": "60"}  # a machine that others use, too, refuses neither side


class Race(NamedTuple):
    what: str
    requests: int
    """In each turn, of either side."""
    in_a_request: int
    goal: float

    @property
    def images(self) -> int:
        return self.requests * self.in_a_request


RACES = {
    "typed": Race("frames, `predict_many`", 20, FRAMES, 0.8),
    "arrays": Race("frames, `probabilities`", 20, FRAMES, 0.8),
    "files": Race("PNG files, `predict_many`", 40, PICTURES, 0.8),
}


class Turn(NamedTuple):
    """Images a second."""

    client: float
    limit: float


def race(name: str, turns: int, core: int) -> Iterator[Turn]:
    """Turn after turn, each with the client first or last, by turns; the service is on that core."""
    one = RACES[name]
    with TemporaryDirectory(prefix="digitserve-client-") as folder, servers.digitserve(core, **PATIENT) as service:
        frames = material.digits()[material.order(one.images)]
        paths = material.files(Path(folder) / "pictures", one.images) if name == "files" else []
        request = _request(name, frames, paths)
        with Client(f"http://127.0.0.1:{service.port}") as client:
            asks: dict[str, Callable[[], object]] = {
                "typed": lambda: sum(1 for _ in client.predict_many(frames)),
                "arrays": lambda: client.probabilities(frames),
                "files": lambda: sum(1 for _ in client.predict_many(paths)),
            }
            sides = asks[name], lambda: _send(service.port, request, one.requests)
            for turn in range(-1, turns):  # the first one warms up
                if turn % 2:
                    limit, reached = (one.images / _seconds(side) for side in reversed(sides))
                else:
                    reached, limit = (one.images / _seconds(side) for side in sides)
                if turn >= 0:
                    yield Turn(reached, limit)


def _seconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def _send(port: int, request: Request, times: int) -> None:
    """The request again and again, as many under way as the client has. Raises RuntimeError where one is refused."""
    left = iter(range(times))

    def loop(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in left:
            connection.request("POST", request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"a request was answered {answer.status}")
        connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(loop, range(AT_ONCE)))


def _request(name: str, frames: material.Frames, paths: list[Path]) -> Request:
    if name == "files":
        parts = [("files", (path.name, path.read_bytes(), "image/png")) for path in paths[:PICTURES]]
        form = httpx.Request("POST", "http://127.0.0.1", files=parts)
        return Request(BATCH, {"Content-Type": form.headers["Content-Type"]}, form.read())
    headers = RAW | {"Accept": "application/x-npy"} if name == "arrays" else RAW
    return Request(BATCH, headers, np.ascontiguousarray(frames[:FRAMES]).tobytes())
