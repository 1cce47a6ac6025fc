"""The command as a person gives it, on MNIST itself, and its page asked as a browser asks it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

READS = re.compile(r"^(http://127\.0\.0\.1:\d+) reads with it, (\d+\.\d) s after the start", re.MULTILINE)


@contextmanager
def demo(runs: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "training", "demo", "--no-open", "--runs", str(runs), *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.mark.usefixtures("mnist_test")
def test_from_nothing_to_a_page_that_reads(tmp_path: Path) -> None:
    with demo(tmp_path / "runs") as process:
        assert process.stdout is not None
        said = ""
        while not (found := READS.search(said)):
            line = process.stdout.readline()
            assert line, said  # it ended
            said += line
        with httpx.Client(base_url=found[1]) as client:
            assert "<canvas" in client.get("/").text
            answers = [
                client.post("/v1/predict", content=path.read_bytes(), headers={"Content-Type": "image/png"}).json()
                for path in sorted((ROOT / "examples").glob("?.png"))
            ]
    assert {answer["model"]["name"] for answer in answers} == {"demo"}
    assert sum(answer["digit"] == digit for digit, answer in enumerate(answers)) >= 8  # drawn ones, as nobody writes
    (bundle,) = (tmp_path / "runs").glob("*/models/demo/1/model.onnx")
    assert f"the bundle is {bundle.parent}" in said
    with pytest.raises(httpx.ConnectError):  # the service ended with the command
        httpx.get(found[1])


def test_a_port_that_somebody_has_is_refused_before_the_training(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        demo(tmp_path, "--port", str(taken.getsockname()[1])) as process,
    ):
        assert process.wait(60) == 1
    assert not list(tmp_path.iterdir())
