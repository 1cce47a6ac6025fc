"""kserve's own clients against `digitserve serve`, each a process: health, inference in JSON and in bytes, errors."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import models
from tests.conftest import MODELS, Process, clients, free_port

PROGRAM = Path(__file__).with_name("kserve_program.py")
A, B = (np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32) for seed in (0, 1))


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a service, by protocol."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "digits").symlink_to(MODELS / "digits")
    models.put(folder, "add", models.add())
    grpc_port = free_port()
    process = Process(free_port(), "--models", str(folder), "--grpc-port", str(grpc_port))
    process.wait_until_ready()
    yield {"http": process.url, "grpc": f"127.0.0.1:{grpc_port}"}
    process.end()


@pytest.fixture(scope="module", params=["http", "grpc"])
def told(addresses: dict[str, str], request: pytest.FixtureRequest) -> Any:
    """What the client of a protocol was told."""
    environment = os.environ | {"PYTHONPATH": str(clients("kserve"))}
    program = [sys.executable, PROGRAM, request.param, addresses[request.param]]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_health(told: Any) -> None:
    assert (told["live"], told["ready"], told["model"]) == (True, True, True)
    assert told["none"] is False or "no live model is called 'none'" in told["none"]


@pytest.mark.parametrize("form", ["plain", "raw", "all outputs"])
def test_infer(told: Any, form: str) -> None:
    assert {**told[form], "sum": None} == {"model": "add", "id": "mine", "name": "sum", "sum": None}
    assert np.array_equal(np.array(told[form]["sum"], np.float32), A + B)


def test_what_is_refused_is_said(told: Any) -> None:
    assert "the model takes the inputs `a`, `b`; got a" in told["refused"]
