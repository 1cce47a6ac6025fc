"""Triton's perf_analyzer, as released, against `digitserve serve`: it needs what the service says of itself."""

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from onnx import TensorProto

from tests import models
from tests.conftest import MODELS, Process, clients, free_port

REQUESTS = 60
Analyse = Callable[..., str]
SERVER = ("Queue", "Compute Input", "Compute Infer", "Compute Output")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "digits").symlink_to(MODELS / "digits")
    for name in ("add", "centred", "doubled"):
        models.put(folder, name, getattr(models, name)())
    models.put(folder, "texts", models.same(TensorProto.STRING))
    process = Process(free_port(), "--models", str(folder))
    process.wait_until_ready()
    yield process
    process.end()


@pytest.fixture(scope="module")
def analyse() -> Analyse:
    """Run it with arguments; skips where it cannot be run here."""
    folder = clients("bin/perf_analyzer")
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder / "nvidia" / "cuda_runtime" / "lib")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [folder / "bin" / "perf_analyzer", *arguments]
        return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)

    if "error while loading shared libraries" in (told := run("--version").stderr):
        pytest.skip(f"{told.strip()} (Debian's package libb64-0d has libb64)")

    def analysed(running: Process, model: str, *options: str) -> str:
        address = running.url.removeprefix("http://")
        done = run("-m", model, "-u", address, "-i", "http", "--request-count", str(REQUESTS), *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return analysed


def counted(report: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"(\w+ count): (\d+)", report)}


@pytest.mark.parametrize(
    ("model", "options", "rows"),
    [
        ("add", "", 1),
        ("add", "-b 7", 7),
        ("add", "--input-tensor-format json --output-tensor-format json -b 2", 2),
        ("digits", "-b 4", 4),
        ("digits", "-x 2", 1),
        ("centred", "--shape x:3,2", 1),
        ("doubled", "--shape x:5 -b 3", 3),
        ("texts", "--shape x:2 --string-length 8", 1),
        ("texts", "-b 2 --input-tensor-format json --output-tensor-format json --string-data four", 2),
    ],
)
def test_it_counts_what_the_service_counts(
    running: Process, analyse: Analyse, model: str, options: str, rows: int
) -> None:
    found = counted(analyse(running, model, *options.split()))
    assert found == {
        "Request count": REQUESTS,
        "Inference count": REQUESTS * rows,
        "Execution count": REQUESTS,
        "request count": REQUESTS,
    }


def test_many_at_once_are_run_together(running: Process, analyse: Analyse) -> None:
    found = counted(analyse(running, "add", "--async", "--concurrency-range", "16", "--request-count", "2000"))
    assert found["Inference count"] >= 2000 > found["Execution count"] > 0


def test_parts_of_the_time_add_up(running: Process, analyse: Analyse, tmp_path: Path) -> None:
    """By its table, in which what the service does not account for is the network's."""
    table = tmp_path / "table.csv"
    analyse(running, "digits", "-b", "64", "-f", str(table), "--verbose-csv")
    (row,) = csv.DictReader(table.read_text().splitlines())
    parts = [int(row[f"Server {name}"]) for name in SERVER]
    assert all(part > 0 for part in parts)
    assert sum(parts) < int(row["Avg latency"])


def test_data_of_a_file(running: Process, analyse: Analyse, tmp_path: Path) -> None:
    data = [{"x": {"content": [1.5, 2.5, 3.5], "shape": [3]}}, {"x": {"content": [0.5], "shape": [1]}}]
    (tmp_path / "data.json").write_text(json.dumps({"data": data}))
    found = counted(analyse(running, "doubled", "--input-data", str(tmp_path / "data.json")))
    assert found["Inference count"] == REQUESTS
