"""The load generator against real servers: what it counts, and that it hides no stall."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from app.load import LoadError, closed_loop, open_loop, request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def port_of(client: httpx.Client) -> int:
    return client.base_url.port or 0


def test_a_closed_loop_counts_what_was_answered(client: httpx.Client, digits: Any) -> None:
    good = request("/v1/predict", digits[7].tobytes(), "application/octet-stream")
    bad = request("/v1/predict", b"short", "application/octet-stream")
    load = asyncio.run(closed_loop(port_of(client), [good, bad], connections=4, seconds=0.3))
    assert set(load.statuses) == {200, 422}
    assert abs(load.statuses[200] - load.statuses[422]) <= 4
    assert load.rate == pytest.approx(load.statuses[200] / load.seconds)
    assert 0 < load.percentile(50) <= load.percentile(99) < 0.3


def test_an_open_loop_keeps_its_rate(client: httpx.Client, digits: Any) -> None:
    good = request("/v1/predict", digits[7].tobytes(), "application/octet-stream")
    load = asyncio.run(open_loop(port_of(client), [good], rate=300, seconds=1.0, connections=8))
    assert load.statuses == {200: load.due}
    assert load.due == pytest.approx(300, rel=0.25)


def test_a_stall_shows_in_all_that_was_due_meanwhile() -> None:
    """A server that stops for half a second in two: a closed loop with one connection would count one slow answer."""

    async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            stall = STALL_FROM - loop.time() + started
            if -0.5 < stall < 0:
                await asyncio.sleep(0.5 + stall)
            writer.write(ANSWER)
        writer.close()

    STALL_FROM = 0.5

    async def both() -> Any:
        nonlocal loop, started
        loop = asyncio.get_running_loop()
        started = loop.time()
        server = await asyncio.start_server(stalling, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            load = await open_loop(port, [request("/", b"", "text/plain")], rate=200, seconds=2.0, connections=1)
            await asyncio.sleep(0.1)  # the server sees the end
            return load

    loop: Any = None
    started = 0.0
    load = asyncio.run(both())
    assert load.statuses[200] == load.due
    assert load.percentile(99) > 0.4  # of 400 requests about 100 were due in the stall, and waited 0.25 s on average
    assert load.percentile(85) > 0.1
    assert load.percentile(50) < 0.1


def test_an_open_loop_opens_others_for_connections_that_the_server_closes() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(4096):
            writer.write(ANSWER)
        writer.close()

    async def both() -> Any:
        async with await asyncio.start_server(closing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            load = await open_loop(port, [request("/", b"", "text/plain")], rate=50, seconds=1.0, connections=2)
            await asyncio.sleep(0.1)  # the server sees the end
            return load

    load = asyncio.run(both())
    assert load.due > 20
    assert load.statuses[200] > 0.8 * load.due  # one that is sent while its connection is being closed is cut off


def test_refusals_without_retry_after_are_counted() -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads = [b"HTTP/1.1 429 Full\r\nRetry-After: 1\r\n", b"HTTP/1.1 429 Full\r\n"]
        while await reader.read(4096):
            heads.reverse()
            writer.write(heads[0] + b"Content-Length: 0\r\n\r\n")
        writer.close()

    async def both() -> Any:
        async with await asyncio.start_server(refusing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            load = await closed_loop(port, [request("/", b"", "text/plain")], connections=1, seconds=0.1)
            await asyncio.sleep(0.1)  # the server sees the end
            return load

    load = asyncio.run(both())
    assert load.statuses[429] > 10
    assert abs(load.refused_without_retry_after - load.statuses[429] / 2) <= 1


def test_nobody_there() -> None:
    with socket.socket() as deaf:  # bound, so that nobody else takes the port, but not listening
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        with pytest.raises(LoadError, match=f"cannot connect to 127.0.0.1:{port}"):
            asyncio.run(closed_loop(port, [b""], connections=1, seconds=0.1))


def test_a_server_that_dies_ends_the_loop() -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.close()

    async def both() -> Any:
        async with await asyncio.start_server(dying, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await closed_loop(port, [request("/", b"", "text/plain")], connections=3, seconds=60)

    assert asyncio.run(both()).statuses == {0: 3}
