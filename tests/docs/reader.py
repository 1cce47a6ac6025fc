"""A reader who does what a page says, block by block, in a checkout of its own with real services."""

import math
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from app.inference import bundle
from tests.conftest import ROOT, wait_until
from tests.docs.blocks import Block, commands

PORTS = re.compile(r"\b(8000|8001)\b")  # those that pages name: HTTP's and gRPC's
WORD = re.compile(
    r"(\.\.\.)|-?\d+\.\d+(?:e[-+]?\d+)?"
)  # what may differ from what a page shows: left out, or a measure
NUMBER = r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
BIN = Path(sys.executable).parent
MADE_ALREADY = {"make serve": f"make --silent --old-file .venv/serve BIN={BIN} serve"}  # the environment is this one
ASKED = ("digits/2", "digits", "numbers")  # models that pages ask: fewer are there sooner
LONGEST = 60  # seconds of a block
APART = {".git", ".venv", "build", "models", "runs"}


@contextmanager
def reading(folder: Path) -> Iterator["Reader"]:
    """A reader in a new checkout there, whose service ends with the page."""
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.end_service()


class Reader:
    def __init__(self, folder: Path) -> None:
        """The checkout is of links, so that what is written into its `models` is in no other."""
        for one in ROOT.iterdir():
            if one.name not in APART:
                (folder / one.name).symlink_to(one)
        for model in ASKED:
            found = bundle.find(ROOT / "models", model)
            link = folder / found.relative_to(ROOT)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found)
        self._folder = folder
        self._ports = {named: str(_free_port()) for named in ("8000", "8001")}
        self._environment = os.environ | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}",
            "PORT": self._ports["8000"],
            "DIGITSERVE_PORT": self._ports["8000"],
            "DIGITS_URL": f"http://127.0.0.1:{self._ports['8000']}",
            "DIGITSERVE_WORKERS": "1",
            "DIGITSERVE_DRAIN_SECONDS": "0",
        }
        self._service: subprocess.Popen[str] | None = None
        self._said: str | None = None  # by the block before, where it was run

    def do(self, block: Block) -> None:
        """Raises AssertionError where something else comes of it than the page says."""
        said, self._said = self._said, None
        if block.said == "not run":
            return
        if block.said == "file":
            (self._folder / block.of).write_text(block.text, "utf-8")
        elif block.said == "keeps running":
            self._start(block.text)
        elif block.language == "bash":
            self._said = self._run(["bash", "-euo", "pipefail", "-c", self._here(block.text)], block.said == "fails")
        elif block.language == "python":
            self._said = self._run([sys.executable, "-c", self._here(block.text)], block.said == "fails")
        elif block.language == "console":
            for command, shown in commands(block.text):
                said = self._run(["bash", "-euo", "pipefail", "-c", self._here(command)], block.said == "fails")
                assert_like(self._here(shown), said)
        elif said is not None:
            assert_like(self._here(block.text), said)

    def end_service(self) -> None:
        if self._service is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._service.pid, signal.SIGTERM)
        self._service.wait(LONGEST)
        self._service = None

    def _start(self, text: str) -> None:
        self.end_service()
        self._service = service = subprocess.Popen(
            ["bash", "-c", self._here(text)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: service.poll() is not None or self._is_ready(), LONGEST)
        assert service.poll() is None, f"the service ended with {service.returncode}"

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._ports['8000']}/health/ready", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _run(self, command: list[str], is_to_fail: bool) -> str:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
        assert (done.returncode != 0) == is_to_fail, f"status {done.returncode}: {done.stdout}"
        return done.stdout

    def _here(self, text: str) -> str:
        """With what is there already, and ports that are free."""
        for named, made in MADE_ALREADY.items():
            text = text.replace(named, made)
        return PORTS.sub(lambda port: self._ports[port[0]], text)


def assert_like(shown: str, said: str) -> None:
    """That this was said, but for digits of a measure after its second, and for what `...` leaves out."""
    pattern, numbers, end = "", list[float](), 0
    for found in WORD.finditer(shown := shown.strip()):
        pattern += re.escape(shown[end : found.start()]) + (r"(?s:.*?)" if found[1] else NUMBER)
        numbers += [] if found[1] else [float(found[0])]
        end = found.end()
    matched = re.fullmatch(pattern + re.escape(shown[end:]), said.strip())
    assert matched, f"shown:\n{shown}\nsaid:\n{said}"
    for shows, says in zip(numbers, map(float, matched.groups()), strict=True):
        assert math.isclose(shows, says, rel_tol=0.01, abs_tol=1e-4), f"{shows} is shown, {says} is said"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
