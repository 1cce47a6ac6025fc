"""Triton's perf_analyzer, as released, against `digitserve serve`: it needs what the service says of itself."""

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from onnx import TensorProto

from tests import models
from tests.conftest import MODELS, Process, clients, free_port

REQUESTS = 60
FIRST = 3  # it asks for the counts when it has begun to send, so that some of its first requests may be in them already
Analyse = Callable[..., str]
TRIES = 3  # one run in a hundred with --async does not end, though all of its requests are answered
SERVER = ("Queue", "Compute Input", "Compute Infer", "Compute Output")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a service, by protocol."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "digits").symlink_to(MODELS / "digits")
    for name in ("add", "centred", "doubled"):
        models.put(folder, name, getattr(models, name)())
    models.put(folder, "texts", models.same(TensorProto.STRING))
    grpc_port = free_port()
    process = Process(free_port(), "--models", str(folder), "--grpc-port", str(grpc_port))
    process.wait_until_ready()
    yield {"http": process.url.removeprefix("http://"), "grpc": f"127.0.0.1:{grpc_port}"}
    process.end()


@pytest.fixture(scope="module")
def analyse(addresses: dict[str, str]) -> Analyse:
    """Run it with arguments; skips where it cannot be run here."""
    folder = clients("bin/perf_analyzer")
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder / "nvidia" / "cuda_runtime" / "lib")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [folder / "bin" / "perf_analyzer", *arguments]
        for _ in range(TRIES - 1):
            with suppress(subprocess.TimeoutExpired):
                return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)

    if "error while loading shared libraries" in (told := run("--version").stderr):
        pytest.skip(f"{told.strip()} (Debian's package libb64-0d has libb64)")

    def analysed(protocol: str, model: str, *options: str) -> str:
        server = "-u", addresses[protocol], "-i", protocol
        done = run("-m", model, *server, "--request-count", str(REQUESTS), *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return analysed


def counted(report: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"(\w+ count): (\d+)", report)}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize(
    ("model", "options", "rows"),
    [
        ("add", "", 1),
        ("add", "-b 7", 7),
        ("digits", "-b 4", 4),
        ("digits", "-x 3", 1),
        ("centred", "--shape x:3,2", 1),
        ("doubled", "--shape x:5 -b 3", 3),
        ("texts", "--shape x:2 --string-length 8", 1),
    ],
)
def test_it_counts_what_the_service_counts(
    analyse: Analyse, protocol: str, model: str, options: str, rows: int
) -> None:
    check(analyse(protocol, model, *options.split()), rows)


def check(report: str, rows: int) -> None:
    """One request after the other, each a run of its own."""
    found = counted(report)
    assert found["Request count"] == REQUESTS
    of_the_service = [found["Execution count"], found["request count"], found["Inference count"] / rows]
    assert all(REQUESTS - FIRST <= count <= REQUESTS for count in of_the_service)


@pytest.mark.parametrize(("model", "options"), [("add", "-b 2"), ("texts", "-b 2 --shape x:2 --string-data four")])
def test_json(analyse: Analyse, model: str, options: str) -> None:
    forms = "--input-tensor-format json --output-tensor-format json"
    check(analyse("http", model, *forms.split(), *options.split()), 2)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_packed(analyse: Analyse, coding: str) -> None:
    check(analyse("grpc", "add", "--grpc-compression-algorithm", coding), 1)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_many_at_once_are_run_together(analyse: Analyse, protocol: str) -> None:
    many = "--async --concurrency-range 16 --request-count 2000"
    found = counted(analyse(protocol, "add", *many.split()))
    assert found["Inference count"] > 1900 > found["Execution count"] > 0


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_parts_of_the_time_add_up(analyse: Analyse, protocol: str, tmp_path: Path) -> None:
    """By its table, in which what the service does not account for is the network's."""
    table = tmp_path / "table.csv"
    analyse(protocol, "digits", "-b", "64", "-f", str(table), "--verbose-csv")
    (row,) = csv.DictReader(table.read_text().splitlines())
    parts = [int(row[f"Server {name}"]) for name in SERVER]
    assert all(part > 0 for part in parts)
    assert sum(parts) < int(row["Avg latency"])


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_data_of_a_file(analyse: Analyse, protocol: str, tmp_path: Path) -> None:
    data = [{"x": {"content": [1.5, 2.5, 3.5], "shape": [3]}}, {"x": {"content": [0.5], "shape": [1]}}]
    (tmp_path / "data.json").write_text(json.dumps({"data": data}))
    check(analyse(protocol, "doubled", "--input-data", str(tmp_path / "data.json")), 1)
