"""Starting and stopping what is measured: one server at a time, alone on one core; the load runs on another."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import PEERS, Peer, Request
from benchmarks.peers.environment import prepare

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"
MODEL_FILE = MODELS / "mlp-128-64" / "1" / "model.onnx"
READY_WITHIN = 90.0  # seconds; Ray takes its time
STOPPED_WITHIN = 30.0
IsReady = Callable[[int], bool]  # by the server's port
QUIET = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class NoServer(Exception):
    """A server that cannot run here; the message says why."""


class Running(NamedTuple):
    """A server that is up."""

    name: str
    port: int
    pid: int

    def resident_bytes(self) -> int:
        """Of its only child where it has one, as digitserve's one worker is; else its own."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        pages = int(Path(f"/proc/{children[0] if children else self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def cores() -> tuple[int, int]:
    """The server's core and the load's. Raises NoServer where there are not two."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise NoServer("a benchmark needs two cores: one for the server, one for the load")
    return usable[0], usable[1]


@contextmanager
def digitserve(core: int | str, folder: Path = ROOT, /, **settings: str) -> Iterator[Running]:
    """The service in a folder as `digitserve serve` starts it on one core, or on a list of them as taskset takes it."""
    own = {"DIGITSERVE_LOG_LEVEL": "warning", "DIGITSERVE_DRAIN_SECONDS": "0", **settings}
    command = [sys.executable, "-m", "app", "serve", "--models", str(folder / MODELS.name), "--port"]
    with _running("digitserve", command, own, core, _digitserve_is_ready, folder) as running:
        yield running


@contextmanager
def peer(one: Peer, core: int) -> Iterator[Running]:
    """Raises NoServer where it does not start, PreparationError where it cannot be installed."""
    command = [str(prepare(one)), str(one.server), str(MODEL_FILE)]
    ask = one.request(bytes(range(256)) * 3 + bytes(16))
    with _running(one.name, command, {}, core, lambda port: _answers(port, ask)) as running:
        yield running


@contextmanager
def bare_grpc(core: int, kind: str) -> Iterator[Running]:
    """`benchmarks.echo`."""
    with _running(kind, [sys.executable, "-m", "benchmarks.echo", kind], {}, core, _is_open) as running:
        yield running


def find(name: str) -> Peer:
    return next(one for one in PEERS if one.name == name)


def post(port: int, request: Request) -> bytes:
    """Raises OSError where it is not answered with 200."""
    address = f"http://127.0.0.1:{port}{request.path}"
    with urllib.request.urlopen(
        urllib.request.Request(address, request.body, dict(request.headers)), timeout=10
    ) as answer:
        content: bytes = answer.read()
    return content


@contextmanager
def _running(
    name: str,
    command: list[str],
    environment: dict[str, str],
    core: int | str,
    is_ready: IsReady,
    folder: Path = ROOT,
) -> Iterator[Running]:
    port = free_port()
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command, str(port)],
        env=os.environ | QUIET | environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_until_ready(name, process, port, is_ready)
        yield Running(name, port, process.pid)  # taskset becomes the server: the same process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait_until_ready(name: str, process: "subprocess.Popen[bytes]", port: int, is_ready: IsReady) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not is_ready(port):
        if process.poll() is not None:
            last = process.communicate()[1].decode(errors="replace").strip().splitlines()[-3:]
            raise NoServer(f"{name} ended at its start: {' | '.join(last)}")
        if time.monotonic() > deadline:
            raise NoServer(f"{name} did not answer within {READY_WITHIN:g} s")
        time.sleep(0.1)


def _answers(port: int, request: Request) -> bool:
    try:
        post(port, request)
    except (OSError, urllib.error.URLError):
        return False
    return True


def _digitserve_is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
