"""A run of `predict_many` in whose middle the service is stopped and started again: by SIGTERM, then by SIGKILL."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil
from digitserve_client import Client, Prediction

from benchmarks import servers
from benchmarks.client import material

KINDS = {"frames": "28x28 frames of a generator", "files": "PNG files"}
SIGNALS = (signal.SIGTERM, signal.SIGKILL)  # after a third of the images, and after two
EVERY = 100  # answers between two looks at the memory


class Outcome(NamedTuple):
    """Of one run: `elsewhere` counts answers that are not their image's."""

    images: int
    lost: int
    twice: int
    elsewhere: int
    restarts: int
    away_seconds: float
    """In all, from the end of the service to its first answer."""
    seconds: float
    early_bytes: float
    """The client's resident memory: its median while the second tenth of the answers came."""
    late_bytes: float
    """In the last tenth."""
    most_bytes: float


class Service:
    """`digitserve serve` on a port of its own, which can be started again."""

    def __init__(self) -> None:
        self.port = servers.free_port()
        self.restarts = 0
        self.away_seconds = 0.0
        self._process = self._start()
        self._starting: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restart(self, by: signal.Signals) -> None:
        """Stop it here and now, and start it again aside."""
        children = psutil.Process(self._process.pid).children(recursive=True) if by == signal.SIGKILL else []
        self._process.send_signal(by)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self._starting = threading.Thread(target=self._start_again)
        self._starting.start()

    def wait(self) -> None:
        """Until it has been started again."""
        if self._starting is not None:
            self._starting.join()

    def end(self) -> None:
        self.wait()
        self._process.terminate()
        self._process.wait()

    def _start_again(self) -> None:
        self._process.wait()
        ended = time.monotonic()
        self._process = self._start()
        with Client(self.url) as client:
            client.wait_ready()
        self.away_seconds += time.monotonic() - ended
        self.restarts += 1

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--models", str(servers.MODELS), "--port", str(self.port)],
            env=os.environ | servers.QUIET | {"DIGITSERVE_LOG_LEVEL": "error"},
            cwd=servers.ROOT,
        )


@contextmanager
def serving() -> Iterator[Service]:
    """A service that is ready, and ends with this."""
    service = Service()
    try:
        with Client(service.url) as client:
            client.wait_ready(120)
        yield service
    finally:
        service.end()


def run(kind: str, images: int) -> Outcome:
    """One run over frames or files."""
    with TemporaryDirectory(prefix="digitserve-client-") as folder, serving() as service:
        paths = material.files(Path(folder) / "pictures", images) if kind == "files" else []
        names = [path.name for path in paths]
        return _watched(service, paths or material.frames(images), names, images)


def _watched(service: Service, source: Iterable[Any], names: list[str], images: int) -> Outcome:
    expected, process = material.order(images), psutil.Process()
    memory, found, elsewhere, given = list[int](), Counter[str](), 0, 0
    signals = dict(zip((images // 3, 2 * images // 3), SIGNALS, strict=True))
    began = time.monotonic()
    with Client(service.url) as client:
        for given, answer in enumerate(client.predict_many(source), 1):
            right = isinstance(answer, Prediction) and given <= images and answer.digit == expected[given - 1]
            if names:
                found[answer.name or ""] += 1
                right = right and answer.name == names[given - 1]
            elsewhere += not right
            if given % EVERY == 0:
                memory.append(process.memory_info().rss)
            if by := signals.get(given):
                service.restart(by)
    seconds, tenth = time.monotonic() - began, max(1, len(memory) // 10)
    lost = len(set(names) - found.keys()) if names else max(0, images - given)
    twice = sum(count - 1 for count in found.values()) if names else max(0, given - images)
    service.wait()
    return Outcome(
        *(images, lost, twice, elsewhere, service.restarts, service.away_seconds, seconds),
        early_bytes=median(memory[tenth : 2 * tenth] or memory),
        late_bytes=median(memory[-tenth:]),
        most_bytes=max(memory),
    )
