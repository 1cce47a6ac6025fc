"""Models loaded and unloaded by two workers and their parent, through Triton's own client: all follow, or none."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests import models
from tests.conftest import Process, linked_models, wait_until

triton = pytest.importorskip("tritonclient.http")

Start = Callable[..., Process]
RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
ROW = [{"name": name, "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]} for name in "ab"]
LOADS = 20
LARGE = 64 << 20  # bytes of a model that is seen in a worker's memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return linked_models(tmp_path)


@pytest.fixture
def running(process: Start, folder: Path) -> Process:
    environment = {"DIGITSERVE_DRAIN_SECONDS": "0", "DIGITSERVE_ACCESS_LINES": "0"}  # a pipe holds few lines unread
    one = process("--workers", "2", "--model-control", "--models", str(folder), **environment)
    one.wait_until_ready()
    wait_until(lambda: len(statuses(one, "digits")) == 2)
    return one


def statuses(running: Process, name: str) -> dict[str, int]:
    """What each worker says of a model's readiness, by what it begins its request ids with; asked until both have."""
    found = dict[str, int]()
    for tries in range(1000):  # each on a connection of its own, which the kernel gives to one of them
        answer = httpx.get(f"{running.url}/v2/models/{name}/ready", timeout=30)
        found[answer.headers["X-Request-ID"].partition("-")[0]] = answer.status_code
        if len(found) == 2 and tries >= 10:
            break
    return found


def client_of(running: Process) -> Any:
    return triton.InferenceServerClient(running.url.removeprefix("http://"), network_timeout=60, connection_timeout=60)


def load(running: Process, name: str = "add") -> httpx.Response:
    return httpx.post(f"{running.url}/v2/repository/models/{name}/load", timeout=60)


def said(running: Process, name: str = "add") -> list[int]:
    return list(statuses(running, name).values())


def test_all_workers_follow_tritons_client(running: Process, folder: Path) -> None:
    client = client_of(running)
    models.put(folder, "add", models.add())
    assert {one["name"]: one["state"] for one in client.get_model_repository_index()}["add"] == "UNAVAILABLE"
    client.load_model("add")
    assert said(running) == [200, 200]
    models.put(folder, "add", models.sequence(), "2")
    with pytest.raises(triton.InferenceServerException, match="add/2 cannot be served"):
        client.load_model("add")
    assert said(running) == [200, 200]
    indices = [httpx.post(f"{running.url}/v2/repository/index").json() for _ in range(20)]
    reasons = [one["reason"] for index in indices for one in index if one["version"] == "2" and one["name"] == "add"]
    assert all("sequence" in reason for reason in reasons)
    assert len(reasons) == len(indices)
    client.unload_model("add")
    assert said(running) == [404, 404]
    assert 'model_info{model="add"' not in httpx.get(f"{running.url}/metrics").text
    with pytest.raises(triton.InferenceServerException, match="DIGITSERVE_DEFAULT_MODEL"):
        client.unload_model("digits")


def test_who_takes_the_place_of_a_killed_worker_serves_what_was_agreed(running: Process, folder: Path) -> None:
    """Not what was unloaded, nor what has come into the folder since."""
    models.put(folder, "add", models.add())
    models.put(folder, "later", models.add())
    client = client_of(running)
    client.load_model("add")
    client.unload_model("mlp-128-64")
    before = statuses(running, "add").keys()
    os.kill(min(running.workers()), signal.SIGKILL)
    wait_until(lambda: len(now := statuses(running, "add").keys()) == 2 and now != before)
    assert said(running, "add") == [200, 200]
    assert said(running, "mlp-128-64") == [404, 404]
    assert said(running, "later") == [404, 404]


def test_both_workers_killed_after_an_unload_do_not_bring_it_back(running: Process) -> None:
    client_of(running).unload_model("mlp-128-64")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(running.is_ready)
    wait_until(lambda: len(statuses(running, "digits")) == 2)
    assert said(running, "mlp-128-64") == [404, 404]


class Loading:
    """A load in the background, of which one worker has prepared and the other, which stands still, has not."""

    def __init__(self, running: Process, folder: Path) -> None:
        models.put(folder, "add", models.add())
        self.stopped, self.asked = sorted(running.workers())
        os.kill(self.stopped, signal.SIGSTOP)
        self.answers: list[httpx.Response] = []
        self._thread = threading.Thread(target=self._load, args=[running])
        self._thread.start()
        time.sleep(1)

    def _load(self, running: Process) -> None:
        with suppress(httpx.TransportError):  # where the worker that was asked ends
            self.answers.append(load(running))

    def end(self) -> None:
        self._thread.join(60)


def test_a_worker_killed_while_it_loads_has_not_loaded_and_nothing_has_changed(running: Process, folder: Path) -> None:
    loading = Loading(running, folder)
    assert load(running).status_code == 429
    assert not loading.answers
    os.kill(loading.stopped, signal.SIGKILL)
    loading.end()
    assert loading.answers[0].status_code == 422
    assert "a worker ended while it was about to load add" in loading.answers[0].json()["error"]
    wait_until(lambda: said(running) == [404, 404])
    assert load(running).status_code == 200
    assert said(running) == [200, 200]


def test_a_worker_that_joins_midway_follows_too(running: Process, folder: Path) -> None:
    """The one that was asked ends; another takes its place before the one that stands still goes on."""
    loading = Loading(running, folder)
    os.kill(loading.asked, signal.SIGKILL)
    loading.end()
    assert not loading.answers
    wait_until(lambda: len(running.workers()) == 2 and running.is_ready())
    os.kill(loading.stopped, signal.SIGCONT)
    wait_until(lambda: said(running) == [200, 200])
    running.terminate()
    _, log = running.wait()
    assert log.count("a worker ended") == 1


def test_loads_under_traffic_lose_no_request(running: Process, folder: Path) -> None:
    file = models.put(folder, "add", models.add()) / "model.onnx"
    assert load(running).status_code == 200
    stop, failed, answered = threading.Event(), list[str](), list[int]()

    def call() -> None:
        while not stop.is_set():
            with httpx.Client(base_url=running.url, timeout=30) as client:
                for _ in range(10):
                    answers = (
                        client.post("/v2/models/add/infer", json={"inputs": ROW}),
                        client.post("/v1/predict", content=FRAME, headers=RAW),
                    )
                    failed.extend(answer.text for answer in answers if answer.status_code != 200)
                    answered.append(len(answers))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for turn in range(LOADS):
            os.utime(file, (turn, turn))  # of another time it is another version, opened anew
            assert load(running).status_code == 200
            assert load(running, "digits").status_code == 200
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    print(f"{sum(answered)} requests were answered during {2 * LOADS} loads")
    assert not failed
    assert sum(answered) > LOADS


def test_what_is_unloaded_is_given_back(running: Process, folder: Path) -> None:
    def resident() -> int:
        return max(psutil.Process(worker).memory_info().rss for worker in running.workers())

    models.put(folder, "large", models.chain(LARGE))
    before = resident()
    for _ in range(2):
        assert load(running, "large").status_code == 200
        loaded = resident()
        client_of(running).unload_model("large")
        wait_until(lambda: resident() < before + LARGE / 4)
        print(f"{before / 1e6:.0f} MB before, {loaded / 1e6:.0f} MB loaded, {resident() / 1e6:.0f} MB unloaded")
        assert loaded > before + LARGE / 2
