"""`digitserve serve` as a process of its own: its start, its workers, its end."""

import http.client
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median

import httpx
import psutil
import pytest

from tests.conftest import Process, wait_until

Start = Callable[..., Process]
RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
READY_WITHIN = 2.0  # seconds
RESIDENT = 200e6  # bytes


def requests_counted(running: Process) -> float:
    pattern = re.compile(r'^digitserve_requests_total\{method="POST",route="/v1/predict",status="200"\} (\S+)$', re.M)
    found = pattern.search(httpx.get(f"{running.url}/metrics").text)
    return float(found[1]) if found else 0.0


def send(running: Process, requests: int) -> None:
    """Each on a connection of its own, so that all workers get some."""

    def one(_: int) -> int:
        connection = http.client.HTTPConnection(httpx.URL(running.url).netloc.decode(), timeout=30)
        connection.request("POST", "/v1/predict", FRAME, RAW)
        with closing(connection):
            return connection.getresponse().status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(requests))) == {200}


def kept_waiting(running: Process) -> float:
    """Seconds for which a start was ready to run and other processes had the cores; worker and pictures start side by
    side. Source: Linux sched-stats.rst, /proc/PID/schedstat.
    """

    def waited(pid: int) -> float:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9

    (worker,) = running.workers()
    side_by_side = [worker, *(child.pid for child in psutil.Process(worker).children())]
    return waited(running.pid) + max(map(waited, side_by_side))


def test_ready_soon_and_small(process: Start) -> None:
    process().wait_until_ready()  # the first start on a machine reads everything from disk
    starts = []
    for running in (process(DIGITSERVE_DRAIN_SECONDS="0") for _ in range(3)):
        seconds = running.wait_until_ready()
        starts.append(seconds - kept_waiting(running))
        send(running, 50)
        (worker,) = running.workers()
        resident = psutil.Process(worker).memory_info().rss
        running.end()
    print(f"ready after {sorted(starts)} s on cores of its own, {resident / 1e6:.0f} MB resident")
    assert median(starts) < READY_WITHIN
    assert resident < RESIDENT


def test_workers_count_together_and_lose_no_count_with_a_worker(process: Start, tmp_path: Path) -> None:
    running = process("--workers", "2", TMPDIR=str(tmp_path))
    running.wait_until_ready()
    wait_until(lambda: len(running.workers()) == 2)
    send(running, 1000)
    wait_until(lambda: requests_counted(running) == 1000)  # the others' counts come a moment later
    scrapes = [requests_counted(running) for _ in range(20)]
    assert scrapes == [1000] * 20

    victim = min(running.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(running.workers() - {victim}) == 2)
    wait_until(running.is_ready)
    scrapes = [requests_counted(running) for _ in range(20)]
    assert scrapes == [1000] * 20
    send(running, 100)
    wait_until(lambda: requests_counted(running) == 1100)
    assert len(list(tmp_path.glob("*/*.db"))) == 2 * 4 + 2  # of each worker, and of all that have ended


def test_a_worker_that_is_told_to_stop_is_replaced_and_the_others_go_on(process: Start) -> None:
    running = process("--workers", "2", DIGITSERVE_DRAIN_SECONDS="0.2")
    running.wait_until_ready()
    wait_until(lambda: len(running.workers()) == 2)
    stopped = min(running.workers())
    os.kill(stopped, signal.SIGTERM)
    wait_until(lambda: len(running.workers() - {stopped}) == 2)
    send(running, 100)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_under_load_loses_no_request(process: Start, workers: str) -> None:
    """Callers that keep connections open and send one request after another, until the service is gone.

    Lost is a request that was sent on an open connection and got no whole answer. Refused connections are no
    loss: they say that the service has gone, before anything was accepted.
    """
    running = process("--workers", workers)
    running.wait_until_ready()
    answered, lost = [], []

    def call() -> None:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            while True:
                try:
                    answered.append(client.post("/v1/predict", content=FRAME, headers=RAW).status_code)
                except httpx.ConnectError:
                    return
                except httpx.HTTPError as error:
                    lost.append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(16)]
    for caller in callers:
        caller.start()
    wait_until(lambda: len(answered) > 500)
    running.terminate()
    for caller in callers:
        caller.join(60)
    _, log = running.wait()
    print(f"{workers} workers: {len(answered)} answered, {len(lost)} lost")
    assert lost == []
    assert set(answered) == {200}
    assert "Traceback" not in log


def test_cuda_is_refused_where_it_does_not_work(process: Start) -> None:
    status, log = process("--device", "cuda").wait()
    assert status == 3
    assert "device cuda was asked for" in log
    assert "--device cpu or auto" in log
    assert "Traceback" not in log


def test_cuda_is_refused_by_workers_too(process: Start) -> None:
    status, log = process("--device", "cuda", "--workers", "2").wait()
    assert status == 3
    assert "device cuda was asked for" in log
    assert "refused to start: the workers could not start" in log


def test_auto_says_which_provider_is_active(process: Start) -> None:
    running = process("--device", "auto", DIGITSERVE_LOG_FORMAT="json")
    running.wait_until_ready()
    models = httpx.get(f"{running.url}/v1/models").json()["models"]
    running.terminate()
    _, log = running.wait()
    assert all(f'"provider": "{model["provider"]}"' in log for model in models)


def test_an_unsafe_setting_is_refused_in_a_sentence(process: Start, tmp_path: Path) -> None:
    status, log = process(DIGITSERVE_MAX_QUEUE_IMAGES="10").wait()
    assert status == 2
    assert "a full batch could never be queued" in log
    status, log = process(DIGITSERVE_API_KEY="the-variable-is-called-api-keys").wait()
    assert status == 2
    assert "no setting is called DIGITSERVE_API_KEY" in log
    status, log = process("--models", str(tmp_path / "none")).wait()
    assert status == 2
    assert "is not a folder" in log


def test_a_misspelt_model_is_refused_in_a_sentence(process: Start) -> None:
    status, log = process(DIGITSERVE_DEFAULT_MODEL="digitz").wait()
    assert status == 3
    assert "there are digits, mlp-128-64" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("pieces", [1, 2])
def test_an_offer_to_upgrade_neither_loses_the_body_nor_smuggles_a_request(process: Start, pieces: int) -> None:
    """What Java's HttpClient sends first, whole or cut in the middle of the header."""
    running = process()
    running.wait_until_ready()
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 784\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    )
    body = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".ljust(784, b"\0")
    url = httpx.URL(running.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        cut = head.index(b"rade: h2c") if pieces == 2 else len(head)
        for part in filter(None, (head[:cut], head[cut:])):
            connection.sendall(part)
            time.sleep(0.1)
        connection.sendall(body)
        time.sleep(0.3)
        received = connection.recv(10_000)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_looks_like_an_upgrade_is_not_touched(process: Start) -> None:
    """The head is cut just before its end, so that a packet begins with it and the body follows."""
    running = process()
    running.wait_until_ready()
    body = b"\r\nUpgrade: h2c\r\n\r\n".ljust(784, b"\0")
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 784\r\n"
    url = httpx.URL(running.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(head)
        time.sleep(0.1)
        connection.sendall(b"\r\n" + body)
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
