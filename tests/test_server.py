"""HTTP as it comes over real sockets: whole, in pieces, pipelined, cut off."""

import gc
import os
import re
import socket
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app import cores, server
from app.config import Settings
from app.errors import StartError
from app.http import server as http_server
from app.http.exchange import Exchange
from app.http.protocol.connection import Connection
from app.http.protocol.request import Cycle, Wire
from app.http.v1.media_types import media_type_of
from app.serving.submission import Submission
from tests.conftest import Serve, wait_until
from tests.pictures import encoded

RAW = "application/octet-stream"


def request(
    body: bytes, path: str = "/v1/predict", media_type: str = RAW, head: str = "", version: str = "1.1"
) -> bytes:
    lines = f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{lines}{head}\r\n".encode() + body


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    address = (client.base_url.host, client.base_url.port or 0)
    with closing(socket.create_connection(address, timeout=10)) as connection:
        yield connection


def read_answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Status and body of each, in the order in which they come."""
    answers: list[tuple[int, bytes]] = []
    data = b""
    while len(answers) < count:
        received = connection.recv(65536)
        assert received, f"closed after {len(answers)} answers and {data!r}"
        data += received
        while (head := data.find(b"\r\n\r\n")) >= 0:
            found = re.search(rb"content-length: (\d+)", data[:head])
            assert found, data[:head]
            length = int(found[1])
            if len(data) < head + 4 + length:
                break
            answers.append((int(data[9:12]), data[head + 4 : head + 4 + length]))
            data = data[head + 4 + length :]
    return answers


def test_one_request_is_answered_alike_whole_and_in_pieces(client: httpx.Client, digits: Any) -> None:
    whole = request(digits[7].tobytes())
    with connected(client) as connection:
        connection.sendall(whole)
        at_once = read_answers(connection, 1)
        for cut in (10, whole.index(b"\r\n\r\n") + 4, len(whole) - 100):
            connection.sendall(whole[:cut])
            time.sleep(0.02)
            connection.sendall(whole[cut:])
            assert read_answers(connection, 1) == at_once
    assert at_once[0][0] == 200
    assert b'"digit":7' in at_once[0][1]


def test_pipelined_requests_are_answered_in_their_order(client: httpx.Client, digits: Any) -> None:
    """Fast and slow, good and bad, of both lanes: in one packet."""
    sent = [
        request(digits[1].tobytes()),
        request(b"too short"),
        request(digits[2].tobytes() * 3, "/v1/predict/batch"),
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        request(digits[3].tobytes()),
        request(b"{}", media_type="application/json"),
        request(digits[4].tobytes()),
    ]
    with connected(client) as connection:
        connection.sendall(b"".join(sent))
        answers = read_answers(connection, len(sent))
    assert [status for status, _ in answers] == [200, 422, 200, 200, 200, 400, 200]
    assert [body[:10] for _, body in (answers[0], answers[4], answers[6])] == [
        f'{{"digit":{digit}'.encode() for digit in (1, 3, 4)
    ]
    assert b'"count":3' in answers[2][1]


def test_very_many_refusals_in_one_packet(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(request(b"") * 2000)
        assert {status for status, _ in read_answers(connection, 2000)} == {400}


@pytest.mark.parametrize(("head", "version"), [("Connection: close\r\n", "1.1"), ("", "1.0")])
def test_a_last_request_closes_the_connection(client: httpx.Client, digits: Any, head: str, version: str) -> None:
    with connected(client) as connection:
        connection.sendall(request(digits[7].tobytes(), head=head, version=version))
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert data.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" in data
    assert b'"digit":7' in data


def test_an_idle_connection_is_closed_and_a_used_one_is_not(
    serve: Serve, digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE_SECONDS", 1)
    with serve() as client, connected(client) as connection:
        started = time.monotonic()
        while time.monotonic() - started < 2.5:
            connection.sendall(request(digits[7].tobytes()))
            read_answers(connection, 1)
            time.sleep(0.4)
        idle_since = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.3 < time.monotonic() - idle_since < 1.5


def test_a_single_image_whose_caller_hangs_up_is_not_run(serve: Serve) -> None:
    paper = np.random.default_rng(0).normal(200, 20, (3000, 3000))
    paper[500:2500, 1300:1700] -= 150  # a 1: on mere noise there is nothing to read, now and then
    photo = encoded(paper.clip(0, 255).astype(np.uint8), "JPEG")
    with serve() as client:
        with connected(client) as connection:
            connection.sendall(request(photo, media_type="image/jpeg"))
            time.sleep(0.005)
        wait_until(lambda: 'route="/v1/predict",status="499"} 1.0' in client.get("/metrics").text)
        assert 'digitserve_run_images_count{model="digits"} 0.0' in client.get("/metrics").text


def test_requests_leave_nothing_for_the_garbage_collector(client: httpx.Client, digits: Any) -> None:
    """A cycle of references in each would cost a fifth of the time, as the first version of this showed."""

    def send(count: int) -> None:
        with connected(client) as connection:
            for _ in range(count):
                connection.sendall(request(digits[7].tobytes()))
                read_answers(connection, 1)

    send(10)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        send(100)
        gc.collect()
        kept = [type(one).__name__ for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not {Exchange.__name__, Submission.__name__, Wire.__name__} & set(kept)
    assert Cycle.__name__ not in kept


def test_an_idle_connection_keeps_no_body(serve: Serve, digits: Any) -> None:
    with serve() as client, connected(client) as connection:
        connection.sendall(request(digits[7].tobytes()))
        assert read_answers(connection, 1)[0][0] == 200
        connection.sendall(request(digits[7].tobytes(), "/v1/predict/batch"))
        assert read_answers(connection, 1)[0][0] == 200
        assert any(isinstance(one, Connection) for one in gc.get_objects())
        wait_until(lambda: not any(isinstance(one, Wire | Cycle) for one in gc.get_objects()), 2)


def test_long_media_types_are_not_remembered() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            assert media_type_of(f"image/png; name={number:0100000}", b"") == "image/png"
        assert tracemalloc.get_traced_memory()[0] < 1e6
    finally:
        tracemalloc.stop()


def test_workers_without_a_temporary_folder_are_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StartError, match=r"No such file or directory.*set TMPDIR"):
        server.run(Settings(port=0, workers=2))


def test_by_default_one_worker_a_usable_core_and_one_thread_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setattr(cores, "cpu_quota", lambda *_: None)
    made = Settings()
    assert (made.workers, made.intra_op_threads) == (3, 1)


def test_random_pieces(client: httpx.Client, digits: Any) -> None:
    """However a stream of requests is cut, each gets its own answer."""
    random = np.random.default_rng(0)
    order = random.integers(0, 10, 60)
    stream = b"".join(request(digits[digit].tobytes()) for digit in order)
    cuts = np.sort(random.integers(0, len(stream), 80))
    with connected(client) as connection:
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            connection.sendall(stream[start:stop])
        answers = read_answers(connection, len(order))
    assert [int(body[9:10]) for _, body in answers] == order.tolist()


def test_an_offer_to_upgrade_after_an_early_refusal_keeps_its_body(serve: Serve, digits: Any) -> None:
    with serve(max_body_bytes=1000, max_held_bytes=1000) as client, connected(client) as connection:
        connection.sendall(request(bytes(100_000)))
        assert read_answers(connection, 1)[0][0] == 413
        connection.sendall(request(digits[7].tobytes(), head="Connection: Upgrade\r\nUpgrade: h2c\r\n"))
        assert read_answers(connection, 1)[0][0] == 200


def test_refused_pictures_do_not_pile_up(process: Any) -> None:
    """An error that kept its traceback would keep the picture, 36 MB each."""
    running = process()
    running.wait_until_ready()
    blank = encoded(Image.new("L", (6000, 6000), 255))
    httpx.post(f"{running.url}/v1/predict", content=blank, headers={"Content-Type": "image/png"}, timeout=30)
    with running.peak_growth() as grown:
        for _ in range(12):
            answer = httpx.post(
                f"{running.url}/v1/predict", content=blank, headers={"Content-Type": "image/png"}, timeout=30
            )
            assert answer.json()["code"] == "no_ink"
        assert grown() < 150e6


def test_batches_past_their_deadline_do_not_pile_up(process: Any) -> None:
    running = process(DIGITSERVE_MAX_BATCH_SIZE="1")
    running.wait_until_ready()
    batch = bytes(range(256)) * (784 * 16_384 // 256)
    headers = {"Content-Type": RAW, "X-Deadline-Ms": "100"}
    httpx.post(f"{running.url}/v1/predict/batch", content=batch, headers=headers, timeout=30)
    with running.peak_growth() as grown:
        for _ in range(15):
            answer = httpx.post(f"{running.url}/v1/predict/batch", content=batch, headers=headers, timeout=30)
            assert answer.json()["code"] == "deadline_exceeded"
        assert grown() < 100e6  # of 193 MB that came
