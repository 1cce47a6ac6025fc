"""What callers do to connections rather than with bodies: say nothing, half of something, or far too much."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

from benchmarks.attack.tree import Tree

CONNECTIONS = 20
WAITED = 20.0  # seconds
PIPELINED = 20_000
GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


def closed_after(port: int, said: bytes) -> float:
    """Seconds until the service has closed all of some connections that said only that; infinite if it does not."""
    opened = [_connected(port, said) for _ in range(CONNECTIONS)]
    started, waiting = time.monotonic(), set(opened)
    while waiting and time.monotonic() - started < WAITED:
        for one in select.select(list(waiting), [], [], 0.1)[0]:
            if _has_ended(one):
                waiting.discard(one)
    seconds = time.monotonic() - started
    for one in opened:
        one.close()
    return float("inf") if waiting else seconds


def status_of(port: int, wire: bytes) -> int:
    """Of the answer to it; 0 where the connection was cut off before one could be read."""
    with _connected(port) as one:
        one.settimeout(WAITED)
        with suppress(OSError):
            one.sendall(wire)
        with suppress(OSError):
            return int(one.recv(4096)[9:12] or 0)
    return 0


def large_head(megabytes: int) -> bytes:
    line = b"X-A: " + b"a" * 1000 + b"\r\n"
    return b"GET /health/live HTTP/1.1\r\nHost: a\r\n" + line * (megabytes * 1_000_000 // len(line)) + b"\r\n"


def grown_by_pipelines(port: int, tree: Tree, connections: int = 8) -> tuple[int, int]:
    """Bytes of memory by which the service grows while nobody reads the answers to PIPELINED requests on each of some
    connections, at its highest and a moment after all have gone."""
    with tree.peak() as peak:
        opened = [_connected(port) for _ in range(connections)]
        for one in opened:
            one.setblocking(False)
        for _ in _pushed(opened, GET * PIPELINED):
            time.sleep(0.01)
        time.sleep(1)
        for one in opened:
            one.close()
    time.sleep(2)
    return peak.bytes - peak.start, tree.pss() - peak.start


def _pushed(opened: list[socket.socket], wire: bytes) -> Iterator[None]:
    """Send as much of `wire` on each as the service takes, until it takes no more."""
    left, idle_since = {one: memoryview(wire) for one in opened}, time.monotonic()
    while left and time.monotonic() - idle_since < 3:
        for one in list(left):
            try:
                left[one] = left[one][one.send(left[one][:65536]) :]
                idle_since = time.monotonic()
            except BlockingIOError:
                continue
            except OSError:  # closed by the service
                del left[one]
                continue
            if not left[one]:
                del left[one]
        yield


def _connected(port: int, said: bytes = b"") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    if said:
        one.sendall(said)
    return one


def _has_ended(one: socket.socket) -> bool:
    try:
        return not one.recv(65536)
    except OSError:
        return True
