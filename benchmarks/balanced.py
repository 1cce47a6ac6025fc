"""`python -m benchmarks.balanced`: instances behind HAProxy, restarted, cut off and held under load; what is lost.

Each instance is a machine of its own as far as the network goes: a namespace with an address, that a cable connects
with this one. Needs root, iproute2 and haproxy.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.kills import Callers, Outcome
from benchmarks.servers import MODELS, ROOT, NoServer, free_port

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
PORT = 8000
PATIENCE = 60.0  # seconds, for an instance to begin or to end
CALLERS = 4  # of either kind
NAMES = "one", "two"
CUT_SECONDS, HELD_SECONDS, GO_ON_SECONDS = 3.0, 0.2, 0.05


class Instance:
    """The service on a machine of its own."""

    def __init__(self, name: str, models: Path) -> None:
        """Makes the machine. Raises NoServer where this may not be."""
        self.namespace = f"ds{os.getpid()}-{name}"
        self._models = models
        # Of the addresses that carriers use among themselves: RFC 6598.
        network = f"100.{random.randrange(64, 128)}.{random.randrange(256)}"
        self.address = f"{network}.2"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self.namespace, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _ip("addr", "add", f"{network}.1/30", "dev", self.namespace)
        _ip("link", "set", self.namespace, "up")
        _ip("-n", self.namespace, "addr", "add", f"{self.address}/30", "dev", "eth0")
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        self.plug_in()

    @property
    def server(self) -> str:
        return f"{self.address}:{PORT}"

    def start(self) -> None:
        serve = [sys.executable, "-m", "app", "serve", "--models", str(self._models)]
        where = ["--host", self.address, "--port", str(PORT), "--workers", "1"]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *serve, *where],
            cwd=ROOT,
            env=os.environ | {"DIGITSERVE_LOG_LEVEL": "error"},
        )

    def restart(self) -> None:
        """As who brings a new version does: told to stop, waited for, started again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def plug_in(self) -> None:
        _ip("-n", self.namespace, "link", "set", "eth0", "up")

    def cut_off(self) -> None:
        """Nothing reaches it, and nobody is told."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down")

    def hold(self, seconds: float) -> None:
        """It is slow: held for most of the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.held():
                time.sleep(HELD_SECONDS)
            time.sleep(GO_ON_SECONDS)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Its worker stands still."""
        (worker,) = map(int, Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split())
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    def remove(self) -> None:
        if self._process.poll() is None:
            self.plug_in()
            self.stop()
        _ip("netns", "delete", self.namespace)


class Balanced:
    """Two instances behind HAProxy, which listens on a port of 127.0.0.1."""

    def __init__(self, port: int, instances: dict[str, Instance], stats: Path) -> None:
        self.port = port
        self.instances = instances
        self._stats = stats

    def up(self) -> set[str]:
        """Instances that HAProxy sends requests to. Source: HAProxy's management guide, 9.1, "CSV format"."""
        with socket.socket(socket.AF_UNIX) as asked:
            try:
                asked.connect(str(self._stats))
            except OSError:
                return set()
            asked.sendall(b"show stat\n")
            told = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
        rows = [line.split(",") for line in told.splitlines() if line.startswith("digitserve,")]
        return {row[1] for row in rows if row[17].startswith("UP") and row[1] in NAMES}

    def wait_until_up(self, *names: str) -> None:
        wait_until(lambda: set(names) <= self.up())

    def wait_until_down(self, *names: str) -> None:
        wait_until(lambda: not self.up() & set(names))

    def restart_all(self) -> None:
        """One after the other, each once the one before is back."""
        for name, instance in self.instances.items():
            instance.restart()
            self.wait_until_down(name)
            self.wait_until_up(*self.instances)


@contextmanager
def balanced(models: Path = MODELS) -> Iterator[Balanced]:
    """Raises NoServer where this machine lets no network be made."""
    port = free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="digitserve-balanced-")))
        instances = {}
        for name in NAMES:
            instances[name] = Instance(name, models)
            stack.callback(instances[name].remove)
            instances[name].start()
        addresses = {name.upper(): one.server for name, one in instances.items()}
        variables = {"BIND": f"127.0.0.1:{port}", "STATS": str(folder / "stats"), **addresses}
        haproxy = subprocess.Popen(["haproxy", "-q", "-db", "-f", str(CONFIGURATION)], env=os.environ | variables)
        stack.callback(haproxy.wait)
        stack.callback(haproxy.terminate)
        running = Balanced(port, instances, folder / "stats")
        running.wait_until_up(*NAMES)
        yield running


def wait_until(happened: Callable[[], object]) -> None:
    """Raises NoServer."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise NoServer(f"waited {PATIENCE:g} s in vain")
        time.sleep(0.05)


def _ip(*arguments: str) -> None:
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise NoServer(f"networks are made by iproute2: {error}") from error
    if done.returncode:
        raise NoServer(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def main(restarts: Annotated[int, typer.Option(min=1, help="Of all instances, one after the other.")] = 50) -> None:
    """Restart, cut off and hold instances under load. Fails where a request is lost to a restart."""
    outcome = Outcome()
    with balanced() as running:
        with Callers(running.port, outcome).calling(CALLERS, CALLERS):
            for _ in range(restarts):
                running.restart_all()
        typer.echo(
            f"{restarts} rolling restarts of {len(NAMES)} instances: {outcome.answered:,} answered, "
            f"{outcome.refused} refused, {len(outcome.lost)} lost"
        )
        for what, happens in {"cut off": _cut_off, "slow": _slow}.items():
            seen = Outcome()
            with Callers(running.port, seen).calling(CALLERS, CALLERS):
                happens(running)
            typer.echo(f"one {what}: {seen.answered:,} answered, {seen.refused} refused, {len(seen.lost)} lost")
    raise typer.Exit(1 if outcome.lost or outcome.refused else 0)


def _cut_off(running: Balanced) -> None:
    first = running.instances[NAMES[0]]
    time.sleep(1)
    first.cut_off()
    time.sleep(CUT_SECONDS)
    first.plug_in()
    running.wait_until_up(*NAMES)


def _slow(running: Balanced) -> None:
    running.instances[NAMES[0]].hold(CUT_SECONDS)
    running.wait_until_up(*NAMES)


if __name__ == "__main__":
    typer.run(main)
