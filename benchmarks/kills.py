"""`python -m benchmarks.kills`: kills workers of the service under load, and counts what is lost with them.

Callers of two kinds fill the cores: some keep their connection, some open one for each request. A worker is stopped
for an instant before it is killed, in which the kernel says which connections it has accepted: a request that is lost
on one of these was held by it, and any other one should have been answered.
"""

import os
import random
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import numpy as np
import typer

from app import load
from benchmarks import servers
from benchmarks.measure import FRAME

REQUEST = load.request("/v1/predict", FRAME, "application/octet-stream")
PATIENCE = 30.0  # seconds, for an answer and for a worker to be replaced
POLL_SECONDS = 0.05  # looking takes some milliseconds of the same cores
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # of SO_LINGER: else used ports would wait a minute, and run out


class Lost(NamedTuple):
    """A request that got no whole answer."""

    port: int  # the caller's
    at: float  # on time.monotonic's clock
    why: str


class Kill(NamedTuple):
    at: float
    held: frozenset[int]  # callers' ports
    replaced_after: float  # seconds, until another worker had accepted a connection


@dataclass
class Outcome:
    answered: int = 0
    refused: int = 0  # connections
    lost: list[Lost] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)

    def beyond(self) -> list[Lost]:
        """What was lost though no killed worker held it."""
        return [one for one in self.lost if not any(one.port in kill.held for kill in self._last_before(one.at))]

    def _last_before(self, at: float) -> list[Kill]:
        """A loss is seen at once, if at all late: by when the next worker was killed."""
        return [kill for kill in self.kills if kill.at <= at][-2:]


class Callers:
    """Threads that send one request after the other, and what became of these."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._port = port
        self._outcome = outcome
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def calling(self, keeping: int, opening: int) -> Iterator[None]:
        """`keeping` of them keep their connection, `opening` open one for each request."""
        kinds = [True] * keeping + [False] * opening
        threads = [threading.Thread(target=self._call, args=[keeps]) for keeps in kinds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call(self, keeps: bool) -> None:
        connection: socket.socket | None = None
        while not self._stop.is_set():
            connection = connection or self._connect()
            if connection is None:
                continue
            answered = self._ask(connection)
            if not (keeps and answered):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _connect(self) -> socket.socket | None:
        try:
            connection = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        except OSError:
            with self._lock:
                self._outcome.refused += 1
            return None
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        return connection

    def _ask(self, connection: socket.socket) -> bool:
        port: int = connection.getsockname()[1]
        try:
            connection.sendall(REQUEST)
            _read_answer(connection)
        except OSError as error:
            with self._lock:
                self._outcome.lost.append(Lost(port, time.monotonic(), repr(error)))
            return False
        with self._lock:
            self._outcome.answered += 1
        return True


def main(
    kills: Annotated[int, typer.Option(min=1, help="Workers to kill, one after the other.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the service.")] = 2,
    keeping: Annotated[int, typer.Option(min=0, help="Callers that keep their connection.")] = 8,
    opening: Annotated[int, typer.Option(min=0, help="Callers that open one for each request.")] = 8,
) -> None:
    """Kill workers under load. Fails where a request was lost that no killed worker held."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    outcome = Outcome()
    with (
        servers.digitserve(cores, DIGITSERVE_WORKERS=str(workers), DIGITSERVE_LOG_LEVEL="error") as running,
        Callers(running.port, outcome).calling(keeping, opening),
    ):
        _wait_for(lambda: len(_accepting(running)) == workers, running)
        for _ in range(kills):
            time.sleep(random.uniform(0.2, 1.0))
            outcome.kills.append(_kill_one(running))
    beyond = outcome.beyond()
    seconds = [kill.replaced_after for kill in outcome.kills]
    typer.echo(f"{kills} kills of {workers} workers; {outcome.answered:,} answered, {outcome.refused} refused")
    typer.echo(f"lost: {len(outcome.lost) - len(beyond)} that the killed worker held, {len(beyond)} beyond that")
    typer.echo(
        f"replaced, in seconds: median {median(seconds):.2f}, p95 {np.percentile(seconds, 95):.2f}, "
        f"longest {max(seconds):.2f}"
    )
    for one in beyond[:10]:
        typer.echo(f"  beyond: {one}")
    raise typer.Exit(1 if beyond or outcome.refused else 0)


def _kill_one(running: servers.Running) -> Kill:
    before = _workers(running)
    victim = random.choice(sorted(before))
    os.kill(victim, signal.SIGSTOP)
    _wait_for(lambda: Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2].split()[0] == "T", running)
    held = frozenset(_accepted_by(victim, running.port))
    at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    _wait_for(lambda: _accepting(running) - before, running)
    return Kill(at, held, time.monotonic() - at)


def _wait_for(happened: Callable[[], object], running: servers.Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise servers.NoServer(f"{running.name}: waited {PATIENCE:g} s for a worker in vain")
        time.sleep(POLL_SECONDS)


def _workers(running: servers.Running) -> set[int]:
    return set(map(int, Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()))


def _accepting(running: servers.Running) -> set[int]:
    """Workers that have accepted a connection which is still open."""
    return {worker for worker in _workers(running) if _accepted_by(worker, running.port)}


def _accepted_by(worker: int, port: int) -> set[int]:
    """The callers' ports of connections that a worker has. Source: Linux proc_pid_fd(5), proc_pid_net(5)."""
    inodes = set()
    with suppress(OSError):  # it has ended
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, *_, inode = line.split()[:10]
        if inode in inodes and int(local.rpartition(":")[2], 16) == port and inode != "0":
            found.add(int(remote.rpartition(":")[2], 16))
    return found - {0}


def _read_answer(connection: socket.socket) -> None:
    """Raises OSError where it does not come whole."""
    received = b""
    while (head := received.find(b"\r\n\r\n")) < 0 or len(received) < head + 4 + _length(received):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(f"closed after {len(received)} bytes of the answer")
        received += more
    if not received.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(received[:60].decode(errors="replace"))


def _length(received: bytes) -> int:
    found = load.CONTENT_LENGTH.search(received)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    typer.run(main)
