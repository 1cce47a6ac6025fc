"""The workers of `digitserve serve`: what happens when one of them, or their parent, does not do as it should."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import DIGITS, MLP, Process, runs, wait_until

Start = Callable[..., Process]
RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
REPLACED_WITH = 0.8  # seconds of CPU, of which to import the service alone would take more
GONE_WITHIN = 2.0  # seconds


def serving(running: Process) -> set[str]:
    """Those that answer, by what each begins its request ids with."""
    return {ask(running).partition("-")[0] for _ in range(30)}


def ask(running: Process) -> str:
    """The id of a request that was answered, on a connection of its own."""
    connection = http.client.HTTPConnection(httpx.URL(running.url).netloc.decode(), timeout=30)
    with closing(connection):
        connection.request("POST", "/v1/predict", FRAME, RAW)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.headers["x-request-id"]


def started(process: Start, workers: int, *options: str, **environment: str) -> Process:
    running = process("--workers", str(workers), *options, **{"DIGITSERVE_DRAIN_SECONDS": "0"} | environment)
    running.wait_until_ready()
    wait_until(lambda: len(serving(running)) == workers)
    return running


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_is_replaced_by_little_work_and_nobody_is_refused(process: Start, workers: int) -> None:
    running = started(process, workers)
    before, answering = running.workers(), serving(running)
    os.kill(min(before), signal.SIGKILL)
    ask(running)
    wait_until(lambda: len(now := serving(running)) == workers and now != answering)
    (new,) = running.workers() - before
    spent = sum(psutil.Process(new).cpu_times()[:2])
    print(f"{workers} workers: replaced with {spent:.2f} s of CPU")
    assert spent < REPLACED_WITH


def test_the_parent_has_one_thread_and_stays_out_of_the_way(process: Start) -> None:
    running = started(process, 2)
    parent = psutil.Process(running.pid)
    assert parent.num_threads() == 1  # more would not be there in a fork, and the locks that they held would
    before = sum(parent.cpu_times()[:2])
    for _ in range(10):
        serving(running)
    assert sum(parent.cpu_times()[:2]) - before < 0.2


def test_workers_end_with_a_parent_that_was_killed_and_a_new_start_finds_the_port_free(process: Start) -> None:
    running = started(process, 2)
    workers = running.workers()
    stop = threading.Event()

    def call() -> None:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            while not stop.is_set():
                try:
                    client.post("/v1/predict", content=FRAME, headers=RAW)
                except httpx.HTTPError:
                    time.sleep(0.05)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    os.kill(running.pid, signal.SIGKILL)
    try:
        wait_until(lambda: not any(map(runs, workers)), GONE_WITHIN)
        second = Process(httpx.URL(running.url).port or 0)
        try:
            second.wait_until_ready()
            assert len(serving(second)) == 1
        finally:
            second.end()
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def test_a_worker_that_stands_still_is_replaced(process: Start) -> None:
    running = started(process, 2, DIGITSERVE_STALL_SECONDS="2")
    stopped = min(running.workers())
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: stopped not in running.workers(), 30)
    wait_until(lambda: len(serving(running)) == 2)
    running.terminate()
    _, log = running.wait()
    assert "a worker stands still, and is killed" in log


def test_a_worker_that_found_other_models_than_its_siblings_does_not_serve(process: Start, tmp_path: Path) -> None:
    for one in (DIGITS, MLP):
        shutil.copytree(one.resolve(), tmp_path / one.parent.name / one.name)
    file = tmp_path / MLP.parent.name / MLP.name / "manifest.json"
    original = file.read_text()
    running = started(process, 2, "--models", str(tmp_path))
    first = running.workers()
    file.write_text(json.dumps(json.loads(original) | {"limits": "changed in place"}))
    os.kill(min(first), signal.SIGKILL)
    tried: set[int] = set()

    def two_have_tried() -> bool:
        tried.update(running.workers() - first)
        return len(tried) > 2

    wait_until(two_have_tried, 30)
    assert len(serving(running)) == 1
    file.write_text(original)
    wait_until(lambda: len(serving(running)) == 2, 30)
    running.terminate()
    _, log = running.wait()
    assert "the workers that serve have other models than this one found on disk (mlp-128-64/1)" in log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of a given size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.decode().strip()}")
        return folder

    yield mount
    subprocess.run(["umount", folder], capture_output=True)


def test_a_start_without_room_for_metrics_is_refused_in_a_sentence(
    process: Start, small_disk: Callable[[str], Path]
) -> None:
    status, log = process("--workers", "2", TMPDIR=str(small_disk("64k"))).wait()
    assert status == 3
    assert "No space left on device; set TMPDIR to one with room for them" in log
    assert "refused to start: the workers could not start" in log
    assert "Traceback" not in log


def test_where_the_disk_is_full_the_workers_that_are_there_go_on(
    process: Start, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("4m")
    running = started(process, 2, TMPDIR=str(disk))
    first = running.workers()
    filling = disk / "filling"
    with suppress(OSError):
        filling.write_bytes(bytes(1 << 23))
    os.kill(min(first), signal.SIGKILL)
    wait_until(lambda: running.workers() - first)
    wait_until(lambda: running.workers() < first)
    serving(running)
    filling.unlink()
    wait_until(lambda: len(serving(running)) == 2, 30)
    running.terminate()
    _, log = running.wait()
    assert "No space left on device" in log
    assert "SIGBUS" not in log


def test_workers_that_all_end_before_they_serve_end_the_service(process: Start, tmp_path: Path) -> None:
    running = started(process, 1, TMPDIR=str(tmp_path))
    (folder,) = tmp_path.iterdir()
    wait_until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())  # a worker may write there
    os.kill(min(running.workers()), signal.SIGKILL)
    status, log = running.wait()
    assert status == 3
    assert "refused to start: the workers could not start: 5 in a row ended early" in log
    assert log.count("a worker ended") == 6


def test_told_twice_it_ends_at_once(process: Start) -> None:
    running = started(process, 2, DIGITSERVE_DRAIN_SECONDS="300")
    running.terminate()
    wait_until(lambda: not running.is_ready())
    running.terminate()
    assert running.wait()[0] == 0


def test_ctrl_c_ends_all_without_a_traceback(process: Start) -> None:
    """A terminal sends it to parent and workers alike."""
    running = started(process, 2)
    for pid in (running.pid, *running.workers()):
        os.kill(pid, signal.SIGINT)
    status, log = running.wait()
    assert status == 0
    assert "Traceback" not in log
