"""Honest callers, attackers and faults all at once, for as long as one likes; and what must be true in the end."""

import asyncio
import os
import random
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.attack import named, wrappings
from benchmarks.attack.calm import CUT_OFF, PATIENCE, ask, warm_up
from benchmarks.attack.genomes import Genome
from benchmarks.attack.honest import Kind, honest_kinds, tensor_kinds
from benchmarks.attack.named import BATCH
from benchmarks.attack.request import Answer, Message, Request
from benchmarks.attack.service import Service, running
from benchmarks.attack.tree import PROC, settled_seconds

HONEST_A_SECOND, ATTACKS_A_SECOND, FAULT_EVERY = 20, 4, 5.0
AROUND_A_FAULT = 5.0  # seconds after a worker was killed or held in which connections may break
QUIET_SECONDS = 60.0  # after all of it, before memory is looked at
BACK_WITHIN, MORE_DESCRIPTORS = 0.1, 10
STOPPED_SECONDS = 2.0
ALLOWED = {200, 429, 503, 504}  # what an honest caller may be told
OURS = {500, 501, 502}  # faults of the service, which no attack may cause: but 501 to what nobody implements
COUNTED = re.compile(r"^digitserve_requests_total\{(.*)\} (\S+)$", re.MULTILINE)
ROUTE = re.compile(r'route="([^"]*)"')
TIMED = re.compile(r"^digitserve_request_seconds_count\{(.*)\} (\S+)$", re.MULTILINE)
LISTENING = "0A"  # a socket's state in /proc/net/tcp


@dataclass
class Soak:
    """What happened, and what went wrong."""

    service: Service
    attacks: Sequence[bytes]
    random: random.Random
    answered: Counter[int] = field(default_factory=Counter)
    attacked: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    cut_off: int = 0  # honest requests that a killed worker held
    wrong: list[str] = field(default_factory=list)
    disturbed_until: float = 0.0

    async def run(self, seconds: float) -> None:
        kinds, ending = [*honest_kinds(), *tensor_kinds()], time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            every = group.create_task
            every(self._at_rate(group, HONEST_A_SECOND, ending, lambda: self._honest(self.random.choice(kinds))))
            if self.attacks:
                chosen = partial(self.random.choice, self.attacks)
                every(self._at_rate(group, ATTACKS_A_SECOND, ending, lambda: self._attack(chosen())))
            every(self._at_rate(group, 1 / FAULT_EVERY, ending, self._fault))

    async def _at_rate(
        self, group: asyncio.TaskGroup, rate: float, ending: float, begin: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        while time.monotonic() < ending:
            await asyncio.sleep(1 / rate)
            group.create_task(begin())

    async def _honest(self, kind: Kind) -> None:
        began = time.monotonic()
        try:
            answer = await asyncio.wait_for(ask(self.service, kind.wire), 3 * PATIENCE)
        except CUT_OFF as error:
            if began > self.disturbed_until:
                self.wrong.append(f"an honest request was cut off, and no worker had been killed: {error!r}")
            self.cut_off += 1
            return
        self.answered[answer.status] += 1
        line = "a call" if isinstance(kind.wire, Message) else kind.wire.partition(b"\r\n")[0].decode()
        if answer.status not in ALLOWED:
            self.wrong.append(f"{line} was answered {answer.status}: {answer.body[:200]!r}")
        elif answer.status == 200 and not kind.is_right(answer.body):
            self.wrong.append(f"{line} was answered wrong: {answer.body[:200]!r}")
        self._check_retry_after(answer)

    async def _attack(self, wire: bytes) -> None:
        with suppress(*CUT_OFF):
            answer = await asyncio.wait_for(ask(self.service, wire), 3 * PATIENCE)
            self.attacked[answer.status] += 1
            if answer.status in OURS:
                self.wrong.append(f"an attack was answered {answer.status}: {wire[:300]!r}")
            self._check_retry_after(answer)

    def _check_retry_after(self, answer: Answer) -> None:
        if answer.status in (429, 503) and b"retry-after:" not in answer.head.lower():
            self.wrong.append(f"{answer.status} without Retry-After: {answer.body[:200]!r}")

    async def _fault(self) -> None:
        fault = self.random.choice(FAULTS)
        self.faults[fault.__name__.strip("_").replace("_", " ")] += 1
        with suppress(*CUT_OFF):
            await fault(self)

    async def kill_a_worker(self) -> None:
        if len(workers := workers_of(self.service)) > 1:  # one is left, so that nobody needs to be refused
            self.disturbed_until = time.monotonic() + AROUND_A_FAULT
            os.kill(self.random.choice(workers), signal.SIGKILL)

    async def hold_a_worker(self) -> None:
        if workers := workers_of(self.service):
            held = self.random.choice(workers)
            self.disturbed_until = time.monotonic() + AROUND_A_FAULT
            os.kill(held, signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)
            with suppress(ProcessLookupError):
                os.kill(held, signal.SIGCONT)

    async def open_halfway(self) -> None:
        """Connections that say nothing or half of a head, and go away in a while."""
        await self._say(self.random.choice([b"", b"POST /v1/predict HTTP/1.1\r\nHo"]), wait=8)

    async def abort_an_upload(self) -> None:
        await self._say(
            b"POST /v1/predict/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" + bytes(70_000)
        )

    async def read_slowly(self) -> None:
        frames = Request("POST", BATCH, {"Content-Type": "application/octet-stream"}, wrappings.frames(4000, 1))
        await self._say(frames.wire() * 5, wait=8)

    async def pipeline(self) -> None:
        await self._say(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n" * 500, wait=2)

    async def _say(self, said: bytes, wait: float = 0.1) -> None:
        """On a connection whose answers are never read, and which is then reset."""
        with socket.create_connection(("127.0.0.1", self.service.port)) as one:
            one.setblocking(False)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(one, said), wait)
            await asyncio.sleep(wait)


FAULTS = (
    Soak.kill_a_worker,
    Soak.hold_a_worker,
    Soak.open_halfway,
    Soak.abort_an_upload,
    Soak.read_slowly,
    Soak.pipeline,
)


def soak(log: Path, seconds: float, corpus: Sequence[Genome], seed: int, say: Callable[[str], None]) -> list[str]:
    """All that was wrong; nothing if all was well. Raises NoServer where the service does not start."""
    small = [make() for name, make in named.ATTACKS.items() if "MiB" not in name]
    found = [request for genome in corpus if (request := genome.request()) is not None]
    with running(log, workers=2) as service:
        asyncio.run(warm_up(service))
        settled_seconds(service.tree)
        memory, descriptors = service.tree.pss(), service.tree.descriptors()
        busy = Soak(service, [one.wire() for one in [*small, *found]], random.Random(seed))
        asyncio.run(busy.run(seconds))
        say(f"honest {dict(busy.answered)}, cut off {busy.cut_off}; attacks {dict(busy.attacked)}; {dict(busy.faults)}")
        time.sleep(QUIET_SECONDS)
        asyncio.run(warm_up(service))
        now, opened = service.tree.pss(), service.tree.descriptors()
        say(f"memory {memory / 1e6:.0f} -> {now / 1e6:.0f} MB, descriptors {descriptors} -> {opened}")
        wrong = list(dict.fromkeys(busy.wrong))
        if now > memory * (1 + BACK_WITHIN):
            wrong.append(f"memory grew from {memory / 1e6:.0f} to {now / 1e6:.0f} MB")
        if opened > descriptors + MORE_DESCRIPTORS:
            wrong.append(f"open descriptors grew from {descriptors} to {opened}")
        if zombies := service.tree.zombies():
            wrong.append(f"processes have ended and nobody waited for them: {zombies}")
        wrong += _inconsistent(service.text("/metrics"))
    if "Traceback" in (told := log.read_text(errors="replace")):
        wrong.append(f"the log has a traceback: {told[told.index('Traceback') :][:2000]}")
    return wrong


def _inconsistent(exposition: str) -> list[str]:
    """Every request that was counted was timed, and the other way round."""
    counted: Counter[str] = Counter()
    for labels, number in COUNTED.findall(exposition):
        for route in ROUTE.findall(labels):
            counted[route] += int(float(number))
    timed = {labels.split('"')[1]: int(float(number)) for labels, number in TIMED.findall(exposition)}
    return [] if counted == timed else [f"requests counted and timed differ: {dict(counted)}, {timed}"]


def workers_of(service: Service) -> list[int]:
    """The processes that serve: children of the first that have its listening socket open."""
    lines = (line.split() for line in (PROC / "net" / "tcp").read_text().splitlines()[1:])
    listening = {f"socket:[{one[9]}]" for one in lines if one[3] == LISTENING and int(one[1][-4:], 16) == service.port}
    return [pid for pid in service.tree.children() if listening & _links(PROC / str(pid) / "fd")]


def _links(folder: Path) -> set[str]:
    links = set()
    with suppress(OSError):
        for one in folder.iterdir():
            with suppress(OSError):
                links.add(str(one.readlink()))
    return links
