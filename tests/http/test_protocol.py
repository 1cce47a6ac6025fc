"""HTTP/1.1's limits, over real sockets: none of them trusts a byte before its bound is known."""

import contextlib
import re
import resource
import select
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
import psutil
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.http.protocol import Door
from app.http.protocol.waiting import Bounds
from tests.conftest import Process, Serve, wait_until
from tests.test_server import RAW, connected, read_answers, request

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
BATCH = "/v1/predict/batch"
FRAME = bytes(range(196)) * 4


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the one answer after which the connection is closed; 0 where none comes."""
    data = b"".join(iter(lambda: connection.recv(65536), b""))
    if not data:
        return 0, {}, b""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first[9:12]), dict(line.split(": ", 1) for line in lines), body


def assert_refused(connection: socket.socket, status: int, code: str, *words: str) -> None:
    came, headers, body = answer_of(connection)
    problem = orjson.loads(body)
    assert (came, problem["status"], problem["code"]) == (status, status, code), problem
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == problem["request_id"]
    assert all(word in problem["detail"] for word in words), problem["detail"]


class TestTime:
    def test_a_silent_connection_is_closed_without_a_word(self, serve: Serve) -> None:
        with serve(head_seconds=0.6) as client, connected(client) as connection:
            started = time.monotonic()
            assert answer_of(connection) == (0, {}, b"")
            assert 0.5 < time.monotonic() - started < 2

    def test_half_a_head_is_refused_however_often_it_grows(self, serve: Serve) -> None:
        with serve(head_seconds=1) as client, connected(client) as connection:
            started = time.monotonic()
            connection.sendall(LIVE[:10])
            while not select.select([connection], [], [], 0.1)[0]:
                connection.sendall(b"a")
                assert time.monotonic() - started < 4
            assert_refused(connection, 408, "head_too_slow", "1 s")
            assert time.monotonic() - started > 0.9

    def test_half_a_further_head_is_refused_too(self, serve: Serve) -> None:
        with serve(head_seconds=0.6) as client, connected(client) as connection:
            connection.sendall(LIVE)
            assert read_answers(connection, 1)[0][0] == 200
            time.sleep(1.2)  # between two requests there is more time
            connection.sendall(LIVE + LIVE[:-2])
            assert read_answers(connection, 1)[0][0] == 200
            started = time.monotonic()
            assert_refused(connection, 408, "head_too_slow")
            assert 0.5 < time.monotonic() - started < 2

    def test_the_rest_of_a_refused_body_is_not_waited_for_long(self, serve: Serve) -> None:
        with serve(head_seconds=0.6) as client, connected(client) as connection:
            connection.sendall(request(bytes(1000), "/none")[:-500])
            assert read_answers(connection, 1)[0][0] == 404
            assert answer_of(connection)[0] == 0

    def test_who_reads_nothing_is_cut_off(self) -> None:
        with serving(flood, write_seconds=0.6) as client, connected(client) as connection:
            connection.sendall(LIVE)
            time.sleep(2.5)
            received = 0
            with contextlib.suppress(ConnectionError):
                while data := connection.recv(10**6):
                    received += len(data)
            assert received < FLOOD

    def test_who_reads_slowly_is_not(self) -> None:
        received = 0
        with serving(flood, write_seconds=1.5) as client, connected(client) as connection:
            connection.sendall(LIVE)
            started = time.monotonic()
            while received < FLOOD:
                data = connection.recv(10**6)
                assert data
                received += len(data)
                time.sleep(0.3 if time.monotonic() - started < 5 else 0)


def cpu_seconds(running: Process) -> float:
    used = psutil.Process(running.pid).cpu_times()
    return float(used.user + used.system)


@contextmanager
def connected_to(running: Process) -> Iterator[socket.socket]:
    url = httpx.URL(running.url)
    with closing(socket.create_connection((url.host, url.port or 0), timeout=20)) as connection:
        yield connection


def sends_until_stuck(connection: socket.socket, data: bytes) -> None:
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            connection.sendall(data)


class TestHeads:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 66_000 + b"\r\n\r\n",
            b"GET /" + b"a" * 66_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Never-Ends: " + b"a" * 2_000_000,
            b"GET /health/live HTTP/1.1\r\n" + b"A: b\r\n" * 300_000,
        ],
        ids=["a long header", "a long path", "101 headers", "2 MB", "many headers"],
    )
    def test_too_large(self, client: httpx.Client, head: bytes) -> None:
        with connected(client) as connection:
            connection.sendall(head)
            assert_refused(connection, 431, "head_too_large", "65,536", "100 headers")

    def test_as_large_as_they_may_be(self, client: httpx.Client) -> None:
        many = b"".join(b"A%d: b\r\n" % number for number in range(99))
        long = LIVE[:-2] + b"X-Long: " + b"a" * (65_536 - len(LIVE) - 10) + b"\r\n\r\n"
        assert len(long) == 65_536
        with connected(client) as connection:
            connection.sendall(LIVE[:-2] + many + b"\r\n" + long)
            assert [status for status, _ in read_answers(connection, 2)] == [200, 200]

    def test_large_ones_cost_little(self, process: Callable[..., Process]) -> None:
        """8c0ad12 took 50 MB, each piece of which was copied with all before it: 4 s."""
        running = process()
        running.wait_until_ready()
        before = cpu_seconds(running)
        with running.peak_growth() as grown, ExitStack() as stack:
            for _ in range(50):
                connection = stack.enter_context(connected_to(running))
                with contextlib.suppress(ConnectionError):
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1_000_000)
            assert grown() < 20e6
        assert cpu_seconds(running) - before < 1

    @pytest.mark.parametrize(
        ("head", "status", "word"),
        [
            (b"GET / HTTP/1.1\r\n", 400, "Host"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400, "Host"),
            (b"GET / HTTP/1.1\r\nHost: x/y\r\n", 400, "x/y"),
            (b"GET / HTTP/1.0\r\nHost: x y\r\n", 400, "Host"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n", 400, "whitespace"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n", 400, "header"),
            (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n", 400, "CR"),
            (b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n", 400, "LF"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n", 400, "char"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n", 400, "header"),
            (b"GET /\r\n", 400, "version"),
            (b"GET / HTTP/2.0\r\nHost: x\r\n", 400, "version"),
            (b"PRI * HTTP/2.0\r\n", 400, "version"),
            (b"\x16\x03\x01\x02\x00\x01\x00\r\n", 400, "no HTTP/1.1 request"),
            (b"FOO / HTTP/1.1\r\nHost: x\r\n", 400, "method"),
            (b"GET x HTTP/1.1\r\nHost: x\r\n", 400, "url"),
            (b"GET http:///x HTTP/1.1\r\nHost: x\r\n", 400, "target"),
            (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n", 501, "proxy"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400, "Length"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n", 400, "Length"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n", 400, "Length"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551621\r\n", 400, "Length"),
            (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", 400, "HTTP/1.0"),
        ],
        ids=lambda value: repr(value)[-30:],
    )
    def test_malformed(self, client: httpx.Client, head: bytes, status: int, word: str) -> None:
        with connected(client) as connection:
            connection.sendall(head + b"\r\n" + LIVE)  # which is never taken for a request
            assert_refused(connection, status, "malformed" if status == 400 else "not_implemented", word)

    @pytest.mark.parametrize(
        ("lines", "status", "word"),
        [
            (b"Transfer-Encoding: gzip\r\n", 501, "gzip"),
            (b"Transfer-Encoding: gzip, chunked\r\n", 501, "gzip"),
            (b"Transfer-Encoding: chunked, gzip\r\n", 400, "Transfer-Encoding"),
            (b"Transfer-Encoding: identity\r\n", 501, "identity"),
            (b"Transfer-Encoding: xchunked\r\n", 501, "xchunked"),
            (b"Transfer-Encoding: \x0bchunked\r\n", 400, "char"),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "Transfer-Encoding"),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", 400, "Transfer-Encoding"),
            (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "Content-Length"),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, "Content-Length"),
        ],
        ids=lambda value: repr(value)[-30:],
    )
    def test_transfer_codings(self, client: httpx.Client, lines: bytes, status: int, word: str) -> None:
        with connected(client) as connection:
            connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n0\r\n\r\n" + LIVE)
            assert_refused(connection, status, "malformed" if status == 400 else "not_implemented", word)

    @pytest.mark.parametrize("host", ["", "x", "X.example:80", "10.0.0.1:8000", "[::1]:8000", "digitserve_1", "x:"])
    def test_hosts_that_are_some(self, client: httpx.Client, host: str) -> None:
        with connected(client) as connection:
            connection.sendall(b"\r\n" + LIVE.replace(b"Host: x", f"Host: {host}".encode()))
            assert read_answers(connection, 1)[0][0] == 200

    @pytest.mark.parametrize("target", ["http://x/health/live", "/health/live?a=b", "/%68ealth/live", "/health/live#a"])
    def test_targets_of_all_forms(self, client: httpx.Client, target: str) -> None:
        with connected(client) as connection:
            connection.sendall(LIVE.replace(b"/health/live", target.encode()))
            assert read_answers(connection, 1)[0][0] == 200

    def test_refusals_are_counted(self, serve: Serve) -> None:
        with serve() as client:
            with connected(client) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert_refused(connection, 400, "malformed")
            assert 'digitserve_errors_total{code="malformed"} 1.0' in client.get("/metrics").text
            counted = 'digitserve_requests_total{method="other",route="unmatched",status="400"} 1.0'
            assert counted in client.get("/metrics").text


CHUNKED = request(b"", head="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
WHOLE = b"310\r\n" + FRAME + b"\r\n0\r\n\r\n"


class TestChunks:
    @pytest.mark.parametrize(
        "body",
        [
            WHOLE,
            WHOLE.replace(b"310", b'0310 ; a="b"'),
            b"".join(b"1\r\n%c\r\n" % byte for byte in FRAME) + b"0\r\n\r\n",
            WHOLE[:-2] + b"Checksum: 1\r\nOther: 2\r\n\r\n",
        ],
        ids=["one", "with an extension", "one byte each", "with trailers"],
    )
    @pytest.mark.parametrize("pieces", [1, 7, 900])
    def test_however_it_is_cut(self, client: httpx.Client, body: bytes, pieces: int) -> None:
        sent = CHUNKED + body + LIVE
        cuts = [len(sent) * cut // pieces for cut in range(pieces + 1)]
        with connected(client) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start, end in pairwise(cuts):
                connection.sendall(sent[start:end])
            answers = read_answers(connection, 2)
        assert [status for status, _ in answers] == [200, 200]
        assert answers[0][1].startswith(b'{"digit":')

    @pytest.mark.parametrize(
        "body",
        [
            b"-1\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"5\n12345\r\n",
            b"5\r12345\r\n",
            b"5;a\nb\r\n",
            b"\r\n5\r\n",
            b"000000005\r\n",
            b"2\r\n12345\r\n",
            b"5\r\n12345\n0\r\n\r\n",
            b"0\r\nno trailer\r\n\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\nA: b\r\n c\r\n\r\n",
        ],
    )
    def test_malformed(self, client: httpx.Client, body: bytes) -> None:
        with connected(client) as connection:
            connection.sendall(CHUNKED + body + LIVE)
            assert_refused(connection, 400, "malformed", "chunk")

    @pytest.mark.parametrize(
        "body",
        [
            b"5;" + b"a" * 20_000 + b"\r\n12345\r\n0\r\n\r\n",
            b"5;" + b"a" * 20_000,
            b"1;aaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n" * 1000,
            b"0\r\n" + b"A: b\r\n" * 3_000,
            b"1\r\na\r\n" * 10_000,
        ],
        ids=["a long extension", "one that does not end", "many extensions", "trailers", "tiny chunks"],
    )
    def test_what_stands_beside_the_data_is_bounded(self, client: httpx.Client, body: bytes) -> None:
        with connected(client) as connection:
            connection.sendall(CHUNKED + body)
            assert_refused(connection, 413, "body_too_large", "16,384", "larger chunks")

    def test_many_small_chunks_do_not_hold_the_loop(self, process: Callable[..., Process]) -> None:
        running = process()
        running.wait_until_ready()
        with connected_to(running) as connection, connected_to(running) as other:
            before = cpu_seconds(running)
            connection.sendall(CHUNKED.replace(b"predict", b"predict/batch"))
            stalls = []
            for _ in range(10):
                connection.sendall(b"8\r\n12345678\r\n" * 20_000)
                started = time.monotonic()
                other.sendall(LIVE)
                read_answers(other, 1)
                stalls.append(time.monotonic() - started)
            spent = cpu_seconds(running) - before
        print(f"longest wait {max(stalls) * 1e3:.1f} ms, {spent / 10 / 260 * 1e3:.2f} ms of CPU a KB")
        assert spent / (10 * 260) < 0.005  # seconds a KB


class TestPipelines:
    def test_thousands_are_answered_in_their_order_and_others_in_between(self, client: httpx.Client) -> None:
        many = 5_000
        sent = b"".join(request(b"", f"/v1/predict?include={number}") for number in range(many))
        with connected(client) as connection, connected(client) as other:
            sending = threading.Thread(target=connection.sendall, args=[sent])
            sending.start()
            other.sendall(LIVE)
            assert read_answers(other, 1)[0][0] == 200
            answers = read_answers(connection, many)
            sending.join()
        assert [int(found[1]) for _, body in answers if (found := re.search(rb"takes no '(\d+)'", body))] == [
            *range(many)
        ]

    def test_who_reads_no_answer_fills_nothing(self, process: Callable[..., Process]) -> None:
        """8c0ad12 kept up to 818 MB for eight of them."""
        running = process()
        running.wait_until_ready()
        with running.peak_growth() as grown, ExitStack() as stack:
            connections = [stack.enter_context(connected_to(running)) for _ in range(8)]
            with ThreadPoolExecutor(8) as pool:
                page = b"GET /static/page.js HTTP/1.1\r\nHost: x\r\n\r\n"
                list(pool.map(partial(sends_until_stuck, data=page * 20_000), connections))
            print(f"{grown() / 1e6:.0f} MB more")
            assert grown() < 20e6
            assert running.is_ready()

    def test_many_of_them_together_fill_little(self, process: Callable[..., Process]) -> None:
        running = process()
        running.wait_until_ready()
        with running.peak_growth() as grown, ExitStack() as stack:
            connections = [stack.enter_context(connected_to(running)) for _ in range(600)]
            page = b"GET /static/page.js HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000
            for connection in connections:
                connection.setblocking(False)
            for _ in range(5):
                for connection in connections:
                    with contextlib.suppress(BlockingIOError, ConnectionError):
                        connection.send(page)
                time.sleep(0.3)
            print(f"{grown() / 1e6:.0f} MB more")
            assert grown() < 150e6
        wait_until(running.is_ready)

    def test_who_hangs_up_within_one_leaves_no_traceback(self, process: Callable[..., Process]) -> None:
        running = process()
        running.wait_until_ready()
        batch = request(FRAME * 2000, BATCH)
        for cut in (1, 2, 3):
            with connected_to(running) as connection:
                connection.sendall(LIVE * 20 + batch * cut + LIVE * 2000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # with a reset
            with connected_to(running) as connection:
                connection.sendall(batch * cut + LIVE * 20)
        time.sleep(0.5)
        assert running.is_ready()
        running.terminate()
        _, log = running.wait()
        assert "Traceback" not in log
        assert "error" not in log.lower()


class TestConnections:
    def test_silent_ones_make_room_for_who_asks(self, serve: Serve) -> None:
        with serve(max_connections=8) as client, ExitStack() as stack:
            silent = [stack.enter_context(connected(client)) for _ in range(30)]
            with connected(client) as connection:
                for _ in range(3):
                    connection.sendall(LIVE)
                    assert read_answers(connection, 1)[0][0] == 200
                    silent += [stack.enter_context(connected(client)) for _ in range(7)]
            wait_until(lambda: sum(is_open(one) for one in silent) <= 8, 5)

    def test_where_all_are_being_answered_another_is_told_to_come_again(self) -> None:
        may_answer = threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            while not may_answer.is_set():
                await anyio.sleep(0.01)
            await echo(scope, receive, send)

        with serving(slow, most_connections=3) as client, ExitStack() as stack:
            busy = [stack.enter_context(connected(client)) for _ in range(3)]
            for one in busy:
                one.sendall(request(b"", "/length"))
            time.sleep(0.2)
            with connected(client) as connection:
                status, headers, _ = answer_of(connection)
            may_answer.set()
            assert (status, headers["connection"]) == (503, "close")
            assert [read_answers(one, 1) for one in busy] == [[(200, b"")]] * 3

    def test_few_descriptors_and_many_silent_connections(self, process: Callable[..., Process]) -> None:
        """With 64 of them, 120 silent connections shut everyone out of 8c0ad12."""
        running = process()
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (64, 64))
        running.wait_until_ready()
        with ExitStack() as stack:
            for _ in range(120):
                stack.enter_context(connected_to(running))
            time.sleep(0.3)
            for _ in range(10):
                assert httpx.post(
                    f"{running.url}/v1/predict", content=FRAME, headers={"Content-Type": RAW}, timeout=30
                ).is_success
            before = cpu_seconds(running)
            time.sleep(1)
            assert cpu_seconds(running) - before < 0.3


def is_open(connection: socket.socket) -> bool:
    readable = select.select([connection], [], [], 0)[0]
    return not readable


class TestRefusalsReachTheirSenders:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_of_a_body_that_is_too_large(self, serve: Serve, chunked: bool) -> None:
        """The urllib of the standard library closes each connection, and reads nothing before it has sent all."""
        headers = {"Content-Type": RAW, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        with serve(max_body_bytes=1000) as client:

            def send(_: int) -> tuple[int, bytes]:
                content: Any = iter([bytes(100_000)] * 80) if chunked else bytes(8_000_000)
                sent = urllib.request.Request(f"{client.base_url}/v1/predict", content, headers, method="POST")
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(sent, timeout=20)
                with refused.value as answer:
                    return answer.code, answer.read()

            with ThreadPoolExecutor(5) as pool:
                answers = list(pool.map(send, range(15)))
        assert all(status == 413 and b"body_too_large" in body for status, body in answers)

    def test_what_comes_after_the_last_answer_resets_nothing(self, client: httpx.Client) -> None:
        with connected(client) as connection:
            connection.sendall(request(FRAME, head="Connection: close\r\n") + bytes(3_000_000))
            time.sleep(0.2)
            connection.sendall(bytes(3_000_000))
            assert answer_of(connection)[0] == 200


@contextmanager
def serving(app: Any, **bounds: Any) -> Iterator[httpx.Client]:
    """A real uvicorn with some ASGI app behind this protocol, in a thread."""
    made = Bounds(
        **{"head_seconds": 10, "keep_alive_seconds": 75, "write_seconds": 30, "most_connections": None} | bounds
    )
    door: Any = Door(made)
    config = uvicorn.Config(app, http=door, lifespan="off", log_config=None, proxy_headers=False, server_header=False)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=partial(server.run, [listener]))
    thread.start()
    try:
        wait_until(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as the path says, with what came."""
    body, more = b"", scope["path"] != "/at-once"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/fails":
        raise ValueError("as it was told to")
    headers = [(b"content-length", b"%d" % len(body))] if scope["path"] == "/length" else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/fails-late":
        raise ValueError("as it was told to")
    for start in range(0, len(body), 100_000):
        await send({"type": "http.response.body", "body": body[start : start + 100_000], "more_body": True})
    await send({"type": "http.response.body"})


FLOOD = 100_000_000


async def flood(_: Scope, __: Receive, send: Send) -> None:
    """Answers with more than buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(FLOOD // 1_000_000):
        await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
    await send({"type": "http.response.body"})


class TestASGI:
    def test_bodies_of_all_kinds_come_back(self) -> None:
        body = bytes(range(256)) * 4_000
        with serving(echo) as client:
            for path in ("/", "/length"):
                assert client.post(path, content=body).content == body
                assert client.post(path, content=iter([body, b"more"])).content == body + b"more"
                assert client.post(path).content == b""
                assert client.head(path).content == b""

    def test_http_1_0_is_answered_without_chunks(self) -> None:
        with serving(echo) as client, connected(client) as connection:
            connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n12345")
            status, headers, body = answer_of(connection)
        assert (status, body) == (200, b"12345")
        assert "transfer-encoding" not in headers

    def test_a_caller_that_asks_first_is_told_to_go_on(self) -> None:
        with serving(echo) as client, connected(client) as connection:
            connection.sendall(request(b"12345", "/length", head="Expect: 100-continue\r\n")[:-5])
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"12345")
            assert read_answers(connection, 1) == [(200, b"12345")]

    def test_a_caller_that_asks_first_and_is_answered_at_once_is_not_waited_for(self) -> None:
        with serving(echo) as client, connected(client) as connection:
            connection.sendall(request(b"12345", "/at-once", head="Expect: 100-continue\r\n")[:-5])
            status, headers, _ = answer_of(connection)
        assert (status, headers["connection"]) == (200, "close")

    def test_an_app_that_fails(self) -> None:
        with serving(echo) as client:
            answer = client.get("/fails")
            assert (answer.status_code, answer.headers["connection"]) == (500, "close")
            with pytest.raises(httpx.RemoteProtocolError):
                client.get("/fails-late")
            assert client.get("/length").status_code == 200

    def test_what_is_no_request_is_refused_in_plain_text_where_the_app_knows_no_better(self) -> None:
        with serving(echo) as client, connected(client) as connection:
            connection.sendall(b"nothing\r\n\r\n")
            status, headers, body = answer_of(connection)
        assert (status, headers["content-type"]) == (400, "text/plain")
        assert b"no HTTP/1.1 request" in body

    def test_a_body_is_read_as_fast_as_the_app_takes_it(self) -> None:
        taken = threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            while not taken.is_set():
                await anyio.sleep(0.01)
            await echo(scope, receive, send)

        with serving(slow) as client, connected(client) as connection:
            connection.sendall(request(bytes(50_000_000), "/length")[:200])
            connection.setblocking(False)
            sent = 0
            for _ in range(50):
                with contextlib.suppress(BlockingIOError):
                    sent += connection.send(bytes(1_000_000))
                time.sleep(0.01)
            taken.set()
            assert sent < 20_000_000  # what the kernel's buffers take


class TestUvicorn:
    """What the protocol relies on. One of these fails where another version of uvicorn changes it."""

    def test_two_of_its_names_are_used(self) -> None:
        sources = [file.read_text() for file in Path("app/http/protocol").glob("*.py")]
        lines = re.findall(r"^.*import.*uvicorn.*|from uvicorn.*$", "\n".join(sources), re.MULTILINE)
        assert sorted(lines) == ["from uvicorn.server import ServerState", "import uvicorn"]
        state = ServerState()
        assert (state.connections, state.tasks, state.default_headers) == (set(), set(), [])

    def test_its_server_lets_what_is_being_answered_finish_and_closes_the_rest(self) -> None:
        begun, may_answer = threading.Event(), threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["state"] == {}
            begun.set()
            while not may_answer.is_set():
                await anyio.sleep(0.01)
            await echo(scope, receive, send)

        with ExitStack() as stack:
            with serving(slow) as client:
                busy, idle = (stack.enter_context(connected(client)) for _ in range(2))
                busy.sendall(request(b"12345", "/length"))
                assert begun.wait(5)
                threading.Timer(0.5, may_answer.set).start()
            status, headers, body = answer_of(busy)  # after uvicorn has ended
            assert (status, headers["connection"], body) == (200, "close", b"12345")
            assert "GMT" in headers["date"]
            assert answer_of(idle)[0] == 0

    def test_a_first_request_that_comes_while_it_stops_is_answered(self) -> None:
        with ExitStack() as stack:
            with serving(echo) as client:
                late = stack.enter_context(connected(client))
                threading.Timer(0.5, late.sendall, [request(b"12345", "/length")]).start()
            status, headers, body = answer_of(late)  # after uvicorn has ended
        assert (status, headers["connection"], body) == (200, "close", b"12345")
