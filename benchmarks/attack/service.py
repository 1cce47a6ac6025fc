"""The service as `digitserve serve` starts it, on cores of its own, and single requests to it over raw sockets."""

import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.attack import rpc
from benchmarks.attack.foreign import all_models
from benchmarks.attack.request import CUT_OFF, Answer, Message, Request
from benchmarks.attack.tree import Tree, settled_seconds
from benchmarks.servers import ROOT, NoServer, free_port

READY_WITHIN, ENDED_WITHIN = 60.0, 45.0  # seconds
ANSWERED_WITHIN = 60.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STALL = re.compile(r"^digitserve_event_loop_longest_lag_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Service:
    """A running service, and a connection to it over each transport, opened anew whenever it is lost."""

    def __init__(self, port: int, grpc_port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.grpc_port = grpc_port
        self.log = log
        self.process = process
        self.tree = Tree(process.pid)
        self._socket: socket.socket | None = None
        self._channel = rpc.open_channel(grpc_port)

    def ask(self, request: Request, within: float = ANSWERED_WITHIN) -> Answer:
        sent = request.wire()
        if isinstance(sent, Message):
            return self._call(sent, within)
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.hang_up()  # the service has closed it meanwhile
        try:
            return self._exchange(sent, within)
        except OSError:
            self.hang_up()
            return Answer(CUT_OFF)

    def cost(self, request: Request, within: float = ANSWERED_WITHIN) -> tuple[float, Answer]:
        """CPU seconds that all processes of the service spend on one request, and its answer."""
        before = settled_seconds(self.tree)
        answer = self.ask(request, within)
        return settled_seconds(self.tree) - before, answer

    def text(self, path: str) -> str:
        """Raises OSError where it is not answered with 200."""
        answer = self.ask(Request("GET", path, {}, b""))
        if answer.status != 200:
            raise OSError(f"GET {path} was answered {answer.status}")
        return answer.body.decode()

    def longest_stall(self) -> float:
        """Seconds for which the event loop was held at most since the start; NaN where the service does not say."""
        found = STALL.search(self.text("/metrics"))
        return float(found[1]) if found else float("nan")

    def close(self) -> None:
        self.hang_up()
        self._channel.close()

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _call(self, sent: Message, within: float) -> Answer:
        try:
            return rpc.ask(self._channel, sent, within)
        except OSError:
            return Answer(CUT_OFF)

    def _exchange(self, sent: bytes, within: float) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(within)
        with suppress(ConnectionError):  # refused before all of it was sent: the reason can be read
            self._socket.sendall(sent)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head, body = bytes(received[: end + 2]), received[end + 4 :]
        announced = LENGTH.search(head)
        while not (len(body) >= int(announced[1]) if announced else body.endswith(b"0\r\n\r\n")):
            body += self._more()
        if b"connection: close" in head.lower():
            self.hang_up()
        return Answer(int(head[9:12]), head, bytes(body))

    def _more(self) -> bytes:
        assert self._socket is not None
        if not (data := self._socket.recv(65536)):
            raise ConnectionError("cut off")
        return data


@contextmanager
def running(log: Path, core: int | None = None, workers: int = 1, **settings: str) -> Iterator[Service]:
    """The service, with foreign models too, whose log goes to a file. Raises NoServer where it does not start."""
    with all_models() as models:
        port, grpc_port = free_port(), free_port()
        process = _started(models, port, grpc_port, log, core, workers, settings)
        service = Service(port, grpc_port, process, log)
        try:
            _wait_until_ready(service)
            yield service
        finally:
            service.close()
            _end(process)


def _started(
    models: Path, port: int, grpc_port: int, log: Path, core: int | None, workers: int, settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    pin = ["taskset", "-c", str(core)] if core is not None else []
    ports = ["--port", str(port), "--grpc-port", str(grpc_port)]
    command = [sys.executable, "-m", "app", "serve", "--models", str(models), *ports]
    quiet = {"DIGITSERVE_LOG_LEVEL": "warning", "DIGITSERVE_DRAIN_SECONDS": "0"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        return subprocess.Popen(
            [*pin, *command, "--workers", str(workers)],
            env=os.environ | quiet | settings,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while service.ask(Request("GET", "/health/ready", {}, b""), within=5).status != 200:
        if service.process.poll() is not None or time.monotonic() > deadline:
            raise NoServer(f"the service did not get ready; its log is {service.log}")
        time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(ENDED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
