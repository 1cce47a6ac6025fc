"""A load on an HTTP server, from one process. Used by `digitserve doctor` and by the benchmarks.

Closed loop: each connection sends its next request when the one before is answered, which measures capacity. Open
loop: requests are due at times of their own, whether or not earlier ones have been answered, as users' are. Its
latencies count from when a request was due, so that a stall delays all that was due meanwhile instead of hiding it
("coordinated omission"; Tene, "How NOT to Measure Latency", 2015).
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CUT_OFF = 0  # in place of a status
CONNECT_AT_ONCE = 256
LAST_ANSWERS_SECONDS = 1.0


class LoadError(Exception):
    """The server could not be reached, or answered in a way that this client does not read."""


@dataclass
class Load:
    """What was sent and what came of it. Latencies are in seconds."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: dict[int, list[float]] = field(default_factory=dict)  # by status
    refused_without_retry_after: int = 0
    due: int = 0  # requests that were due, of an open loop

    def add(self, status: int, latency: float) -> None:
        self.statuses[status] += 1
        self.latencies.setdefault(status, []).append(latency)

    @property
    def rate(self) -> float:
        """Requests that succeeded, a second."""
        return self.statuses[200] / self.seconds

    def percentile(self, percent: float) -> float:
        """Of the latencies of requests that succeeded; NaN where none did."""
        latencies = self.latencies.get(200)
        return float(np.percentile(latencies, percent)) if latencies else float("nan")


def request(path: str, body: bytes, content_type: str, **headers: str) -> bytes:
    """A POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def closed_loop(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """As many requests as `connections` get answered in `seconds`, taken from `requests` in turn."""
    load, stop = Load(), asyncio.Event()
    started = perf_counter()
    turn = _in_turn(requests)

    def answered(connection: Connection) -> None:
        if perf_counter() - started < seconds:
            connection.send(next(turn), perf_counter())
        else:
            stop.set()

    def lost(_: Connection) -> None:
        if load.statuses[CUT_OFF] >= connections:  # nobody is left to be answered
            stop.set()

    opened = await _connect(port, connections, load, answered, lost)
    started = perf_counter()
    for connection in opened:
        connection.send(next(turn), perf_counter())
    await stop.wait()
    load.seconds = perf_counter() - started
    await _close(opened)
    return load


async def open_loop(
    port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int, seed: int = 0
) -> Load:
    """Requests due at Poisson times, `rate` a second on average, over at most `connections` at a time.

    What finds no connection free waits for one, its clock running. A connection that the server has closed makes room
    for another. What is not answered LAST_ANSWERS_SECONDS after the last was due counts as due, and as nothing else.
    """
    load, waiting, idle = Load(), deque[float](), list[Connection]()
    turn, opening = _in_turn(requests), set[asyncio.Task[None]]()

    def answered(connection: Connection) -> None:
        if waiting:
            connection.send(next(turn), waiting.popleft())
        else:
            idle.append(connection)

    def lost(connection: Connection) -> None:
        if connection in idle:
            idle.remove(connection)
        task = asyncio.create_task(replace())
        opening.add(task)  # else it may be collected before its end
        task.add_done_callback(opening.discard)

    async def replace() -> None:
        with suppress(LoadError):
            (connection,) = await _connect(port, 1, load, answered, lost)
            opened.append(connection)
            answered(connection)

    opened = await _connect(port, connections, load, answered, lost)
    idle.extend(opened)
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds * 1.2) + 100)
    started = perf_counter()
    times = started + np.cumsum(gaps)
    for due in times[times <= started + seconds].tolist():
        while perf_counter() < due:
            await asyncio.sleep(0)
        load.due += 1
        if idle:
            idle.pop().send(next(turn), due)  # the last one used, as connection pools do
        else:
            waiting.append(due)
            await asyncio.sleep(0)  # lets answers in, however late this is
    await _until(lambda: len(idle) == connections and not waiting, LAST_ANSWERS_SECONDS)
    load.seconds = perf_counter() - started
    for task in opening:
        task.cancel()
    await _close(opened)
    return load


Answered = Callable[["Connection"], None]
Lost = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, load: Load, answered: Answered, lost: Lost) -> None:
        self._load = load
        self._lost = lost
        self._answered = answered
        self._buffer = b""
        self._since = 0.0
        self._asked = False
        self._transport: Any = None  # asyncio.Transport, once connected
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: bytes, since: float) -> None:
        """`since`: when its latency begins, on perf_counter's clock."""
        self._since, self._asked = since, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(buffer, 0, head + 2) if head >= 0 else None
        if length is None or len(buffer) < head + 4 + int(length[1]):
            self._buffer = buffer
            return
        self._buffer, self._asked = b"", False
        status = int(buffer[9:12])
        self._load.add(status, perf_counter() - self._since)
        if status in (429, 503) and b"retry-after:" not in buffer[:head].lower():
            self._load.refused_without_retry_after += 1
        self._answered(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self._closing:
            return
        if self._asked:
            self._load.add(CUT_OFF, perf_counter() - self._since)
        self._lost(self)

    def close(self) -> None:
        self._closing = True
        self._transport.abort()


async def _connect(port: int, connections: int, load: Load, answered: Answered, lost: Lost) -> list[Connection]:
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    try:
        while len(opened) < connections:
            some = min(CONNECT_AT_ONCE, connections - len(opened))
            made = (
                loop.create_connection(lambda: Connection(load, answered, lost), "127.0.0.1", port) for _ in range(some)
            )
            opened += [connection for _, connection in await asyncio.gather(*made)]
    except OSError as error:
        raise LoadError(f"cannot connect to 127.0.0.1:{port}: {error}") from error
    return opened


async def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()
    await asyncio.sleep(0)  # in which their sockets are closed


def _in_turn(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


async def _until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = perf_counter() + seconds
    while not happened() and perf_counter() < deadline:
        await asyncio.sleep(0.001)
