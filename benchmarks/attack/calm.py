"""A caller who behaves, and one beside who does not: requests due at times of their own, whatever became of others."""

import asyncio
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

import numpy as np

from benchmarks.attack.honest import drawings_and_frames, honest_kinds, tensor_kinds
from benchmarks.attack.request import Answer, Message
from benchmarks.attack.rpc import ask_alone
from benchmarks.attack.service import LENGTH, Service

CALM_A_SECOND, ATTACKS_A_SECOND = 20, 4
PATIENCE = 20.0  # seconds, after which a request counts as lost
MOST_OPEN = 100  # attacks that wait for an answer at a time
MOST_ANSWER = 64 * 1024 * 1024  # bytes
CUT_OFF = (OSError, TimeoutError, asyncio.IncompleteReadError)
DIGIT = re.compile(rb'"digit": ?(\d)')


@dataclass
class Calm:
    """What became of the calm caller's requests."""

    seconds: list[float] = field(default_factory=list)  # from when each was due
    lost: list[str] = field(default_factory=list)  # why

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent)) if self.seconds else float("nan")


async def warm_up(service: Service, rounds: int = 5) -> None:
    """All kinds of honest requests, `rounds` times, so that every process has grown to its usual size."""
    for kind in [*honest_kinds(), *tensor_kinds()] * rounds:
        with suppress(*CUT_OFF):
            await asyncio.wait_for(ask(service, kind.wire), PATIENCE)


async def beside(service: Service, attacks: Sequence[bytes], seconds: float) -> Calm:
    """The calm caller for `seconds`, beside attacks if there are any."""
    calm = Calm()
    attacker = asyncio.create_task(_attack(service, attacks))
    await asyncio.gather(*_all_calm(service, calm, seconds))
    attacker.cancel()
    await asyncio.gather(attacker, return_exceptions=True)
    return calm


async def _attack(service: Service, attacks: Sequence[bytes]) -> None:
    """Until cancelled, and then all that is under way is too."""
    async with asyncio.TaskGroup() as group:
        room = asyncio.Semaphore(MOST_OPEN)
        for wire in cycle(attacks):
            await asyncio.sleep(1 / ATTACKS_A_SECOND)
            await room.acquire()
            group.create_task(_send(service, wire)).add_done_callback(lambda _: room.release())


def _all_calm(service: Service, calm: Calm, seconds: float) -> Iterator[asyncio.Task[None]]:
    started, turn = perf_counter(), cycle(drawings_and_frames())
    for number in range(int(seconds * CALM_A_SECOND)):
        request, digit = next(turn)
        yield asyncio.create_task(_calm(service, request.wire(), digit, started + number / CALM_A_SECOND, calm))


async def _calm(service: Service, wire: bytes, digit: int, due: float, calm: Calm) -> None:
    await asyncio.sleep(due - perf_counter())
    try:
        answer = await asyncio.wait_for(ask(service, wire), PATIENCE)
    except CUT_OFF as error:
        calm.lost.append(type(error).__name__)
        return
    read = DIGIT.search(answer.body)
    if answer.status == 200 and read and int(read[1]) == digit:
        calm.seconds.append(perf_counter() - due)
    else:
        calm.lost.append(f"status {answer.status}" if answer.status != 200 else "a wrong digit")


async def _send(service: Service, wire: bytes) -> None:
    with suppress(*CUT_OFF):
        await asyncio.wait_for(ask(service, wire), 3 * PATIENCE)


async def ask(service: Service, wire: bytes) -> Answer:
    """Over a connection of its own. Raises one of CUT_OFF."""
    if isinstance(wire, Message):
        return await ask_alone(service.grpc_port, wire)
    return await _ask_over_http(service.port, wire)


async def _ask_over_http(port: int, wire: bytes) -> Answer:
    connection = socket.socket()
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(connection, ("127.0.0.1", port))
        with suppress(ConnectionError):  # refused before all of it was sent: the reason can be read
            await loop.sock_sendall(connection, wire)  # a writer would copy it first, and hold up the calm caller
        reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_ANSWER)
    except BaseException:
        connection.close()
        raise
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await (reader.readexactly(int(length[1])) if length else reader.readuntil(b"\r\n0\r\n\r\n"))
        return Answer(int(head[9:12]), head, body)
    finally:
        writer.close()
