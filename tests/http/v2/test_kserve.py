"""kserve's own client against `digitserve serve`, each a process: health, inference in JSON and in bytes, errors."""

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
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "digits").symlink_to(MODELS / "digits")
    models.put(folder, "add", models.add())
    process = Process(free_port(), "--models", str(folder))
    process.wait_until_ready()
    yield process
    process.end()


@pytest.fixture(scope="module")
def told(running: Process) -> Any:
    """What the client was told."""
    environment = os.environ | {"PYTHONPATH": str(clients("kserve"))}
    done = subprocess.run(
        [sys.executable, PROGRAM, running.url], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_health(told: Any) -> None:
    assert (told["live"], told["ready"], told["model"], told["missing"]) == (True, True, True, False)


@pytest.mark.parametrize("form", ["plain", "raw", "all outputs"])
def test_infer(told: Any, form: str) -> None:
    assert {**told[form], "sum": None} == {"model": "add", "id": "mine", "name": "sum", "sum": None}
    assert np.array_equal(np.array(told[form]["sum"], np.float32), A + B)


def test_what_is_refused_is_said(told: Any) -> None:
    assert "the model takes the inputs `a`, `b`; got a" in told["refused"]
