"""A caller who behaves, and one beside who does not: requests due at times of their own, whatever became of others."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

import numpy as np

from app.imaging import strokes
from benchmarks.attack.service import LENGTH, Request
from benchmarks.servers import ROOT

CALM_A_SECOND, ATTACKS_A_SECOND = 20, 4
PATIENCE = 20.0  # seconds, after which a request counts as lost
MOST_OPEN = 100  # attacks that wait for an answer at a time
DIGIT = re.compile(rb'"digit": ?(\d)')


@dataclass
class Calm:
    """What became of the calm caller's requests."""

    seconds: list[float] = field(default_factory=list)  # from when each was due
    lost: list[str] = field(default_factory=list)  # why

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent)) if self.seconds else float("nan")


def honest() -> list[tuple[Request, int]]:
    """Drawings and frames, and the digit in each."""
    drawings = [(ROOT / "examples" / f"{digit}.png").read_bytes() for digit in range(10)]
    frames = [strokes.render(digit).tobytes() for digit in range(10)]
    pairs = [
        (Request("POST", "/v1/predict", {"Content-Type": "image/png"}, body), n) for n, body in enumerate(drawings)
    ]
    raw = {"Content-Type": "application/octet-stream"}
    return pairs + [(Request("POST", "/v1/predict", raw, body), n) for n, body in enumerate(frames)]


async def beside(port: int, attacks: Sequence[bytes], seconds: float) -> tuple[Calm, int]:
    """The calm caller for `seconds`, beside attacks if there are any; also how many of these were sent."""
    calm, sent, attacking = Calm(), 0, set[asyncio.Task[None]]()

    async def attack() -> None:
        nonlocal sent
        for wire in _paced_items(attacks):
            await asyncio.sleep(1 / ATTACKS_A_SECOND)
            if len(attacking) < MOST_OPEN:
                task = asyncio.create_task(_send(port, wire))
                attacking.add(task)
                task.add_done_callback(attacking.discard)
                sent += 1

    attacker = asyncio.create_task(attack())
    await asyncio.gather(*_all_calm(port, calm, seconds))
    attacker.cancel()
    for task in list(attacking):
        task.cancel()
    await asyncio.gather(attacker, *attacking, return_exceptions=True)
    return calm, sent


def _paced_items(attacks: Sequence[bytes]) -> Iterator[bytes]:
    return iter(cycle(attacks)) if attacks else iter(())


def _all_calm(port: int, calm: Calm, seconds: float) -> Iterator[asyncio.Task[None]]:
    started, turn = perf_counter(), cycle(honest())
    for number in range(int(seconds * CALM_A_SECOND)):
        request, digit = next(turn)
        yield asyncio.create_task(_calm(port, request.wire(), digit, started + number / CALM_A_SECOND, calm))


async def _calm(port: int, wire: bytes, digit: int, due: float, calm: Calm) -> None:
    await asyncio.sleep(due - perf_counter())
    try:
        status, body = await asyncio.wait_for(_asked(port, wire), PATIENCE)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        calm.lost.append(type(error).__name__)
        return
    read = DIGIT.search(body)
    if status == 200 and read and int(read[1]) == digit:
        calm.seconds.append(perf_counter() - due)
    else:
        calm.lost.append(f"status {status}" if status != 200 else "a wrong digit")


async def _send(port: int, wire: bytes) -> None:
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        await asyncio.wait_for(_asked(port, wire), 3 * PATIENCE)


async def _asked(port: int, wire: bytes) -> tuple[int, bytes]:
    """Status and body, over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with suppress(ConnectionError):  # refused before all of it was sent: the reason can be read
            writer.write(wire)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        return int(head[9:12]), await reader.readexactly(int(length[1])) if length else b""
    finally:
        writer.close()
