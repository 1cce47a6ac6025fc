"""Each attack beside a calm caller -> ATTACK.md. No number in there is typed by hand."""

import asyncio
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.attack import calm, connections, search
from benchmarks.attack.genomes import Genome
from benchmarks.attack.named import ATTACKS
from benchmarks.attack.request import Request
from benchmarks.attack.service import Service, running
from benchmarks.attack.tree import settled_seconds
from benchmarks.servers import cores

CALM_SECONDS, TIMES_QUIET = 0.05, 3.0  # the goals
STALL_SECONDS = 0.02
MOST_BYTES = 700_000_000
BACK_WITHIN = 0.1  # of the memory at the start
COST_WITHIN = 20.0  # seconds, for which one answer is waited to measure its cost
A_MINUTE = 60.0
FOUND_TOO = 100  # of the requests that the search found, in the test of memory
LAG = re.compile(r'^digitserve_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)

Say = Callable[[str], None]


class Row(NamedTuple):
    """What one attack did. Seconds and bytes; NaN where nothing could be measured."""

    name: str
    body_bytes: int
    cost: float
    p50: float
    p95: float
    most: float
    lost: list[str]
    stall: float  # at most so long was the event loop held: the bound of a bucket

    @property
    def seconds_a_kb(self) -> float:
        return self.cost / (self.body_bytes / 1024) if self.body_bytes else float("nan")


class Memory(NamedTuple):
    """Of all processes of the service together, in bytes."""

    start: int
    peak: int
    after: int


def measure(log: Path, seconds: float, corpus: Sequence[Genome], say: Say) -> str:
    """The whole of ATTACK.md. Raises NoServer where the service does not start, or there are not two cores."""
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})
    found = [request for genome in corpus if (request := genome.request()) is not None]
    with running(log, server_core) as service:
        rows = [*_rows(service, seconds, found, say)]
        of_connections = [*_connections(service, say)]
    with running(log, None, workers=2) as service:
        memory = _memory(service, seconds, found, say)
    return document(rows, of_connections, memory, len(found))


def _rows(service: Service, seconds: float, found: Sequence[Request], say: Say) -> Iterator[Row]:
    asyncio.run(calm.warm_up(service))
    yield _said(_row(service, "none: the calm caller alone", [], 2 * seconds), say)
    for name, make in ATTACKS.items():
        yield _said(_row(service, name, [make()], seconds), say)
    if found:
        whole = max(seconds, len(found) / calm.ATTACKS_A_SECOND)
        yield _said(_row(service, f"the worst {len(found):,} that `make fuzz` found", found, whole), say)


def _row(service: Service, name: str, attacks: Sequence[Request], seconds: float) -> Row:
    cost, size = float("nan"), 0
    if len(attacks) == 1:
        cost, size = min(service.cost(attacks[0], COST_WITHIN)[0] for _ in range(3)), len(attacks[0].body)
    lags = _lags(service)
    calmly = asyncio.run(calm.beside(service, [one.wire() for one in attacks], seconds))
    settled_seconds(service.tree, A_MINUTE)
    stall = _longest(lags, _lags(service))
    p50, p95, most = (calmly.percentile(percent) for percent in (50, 95, 100))
    return Row(name, size, cost, p50, p95, most, calmly.lost, stall)


def _lags(service: Service) -> dict[float, float]:
    """How often the event loop has been late by at most so many seconds."""
    try:
        return {float(bound): float(count) for bound, count in LAG.findall(service.text("/metrics"))}
    except OSError:
        return {}


def _longest(before: dict[float, float], after: dict[float, float]) -> float:
    """The bound of the highest bucket in which there are more than there were; NaN where nothing is known."""
    if not after or after[float("inf")] < before.get(float("inf"), 0):
        return float("nan")
    more = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    return min(bound for bound, count in more.items() if count == more[float("inf")])


def _connections(service: Service, say: Say) -> Iterator[tuple[str, str, str]]:
    """What, the goal, and what came of it."""
    for what, said in (("silent", b""), ("half a head", b"GET / HTTP/1.1\r\nHost:")):
        seconds = connections.closed_after(service.port, said)
        waited = f"{seconds:.1f} s" if seconds < connections.WAITED else f"open after {connections.WAITED:g} s"
        yield f"{connections.CONNECTIONS} connections, {what}: closed after", "10 s", waited
    before = settled_seconds(service.tree)
    status = connections.status_of(service.port, connections.large_head(2))
    cost = settled_seconds(service.tree) - before
    yield "a head of 2 MB: status, CPU seconds", "431", f"{status or 'cut off'}, {cost:.3f} s"
    highest, after = connections.grown_by_pipelines(service.port, service.tree)
    grown = f"{highest / 1e6:.0f} MB, {after / 1e6:.0f} MB"
    yield f"8 x {connections.PIPELINED:,} pipelined GETs, unread: grown by, kept", "bounded, 0 MB", grown
    say(f"connections: {status=}, {grown}")


def _memory(service: Service, seconds: float, found: Sequence[Request], say: Say) -> Memory:
    """Under all attacks in turn, with two workers, as compose has it."""
    asyncio.run(calm.warm_up(service))
    settled_seconds(service.tree)
    attacks = [make().wire() for make in ATTACKS.values()] + [one.wire() for one in found[:FOUND_TOO]]
    with service.tree.peak() as peak:
        asyncio.run(calm.beside(service, attacks, max(4 * seconds, len(attacks) / calm.ATTACKS_A_SECOND)))
    time.sleep(A_MINUTE)
    memory = Memory(peak.start, peak.bytes, service.tree.pss())
    say(f"memory: {memory}")
    return memory


def _said(row: Row, say: Say) -> Row:
    say(" | ".join(_cells(row)))
    return row


def document(rows: Sequence[Row], of_connections: Sequence[tuple[str, str, str]], memory: Memory, found: int) -> str:
    quiet = rows[0].p95
    goal = max(CALM_SECONDS, TIMES_QUIET * quiet)
    dearest = max((row for row in rows if row.cost == row.cost), key=lambda row: row.seconds_a_kb)
    missed = [row.name for row in rows if row.p95 > goal or row.lost or row.stall > STALL_SECONDS]
    heading = ("attack, 4 a second", "body", "CPU", "CPU a KB", "calm p50", "p95", "most", "lost", "stall up to")
    memory_rows = [
        ("at the start", "", f"{memory.start / 1e6:.0f} MB"),
        ("at the highest", f"{MOST_BYTES / 1e6:.0f} MB", f"{memory.peak / 1e6:.0f} MB"),
        ("a minute later", f"{memory.start * (1 + BACK_WITHIN) / 1e6:.0f} MB", f"{memory.after / 1e6:.0f} MB"),
    ]
    parts = [
        "# Under attack",
        f"Written by `make attack`; no number here is typed by hand. {_machine()}",
        f"A calm caller sends small drawings and frames at {calm.CALM_A_SECOND} a second, each on a connection of its "
        f"own, beside each attack at {calm.ATTACKS_A_SECOND} a second; one worker, alone on one core, the load on "
        f"another. Its p95 should stay under {goal * 1e3:.0f} ms (50 ms, or 3 times its quiet p95), none be "
        f"lost, no stall be over {STALL_SECONDS * 1e3:g} ms. CPU is that of one such request, in all processes; a KB "
        f"should cost at most {search.SECONDS_A_KB:g} s, a request {search.SECONDS_A_REQUEST:g} s.",
        _table(heading, map(_cells, rows)),
        f"Dearest by its size: {dearest.name}, {dearest.seconds_a_kb:.3f} s a KB. "
        + (f"**Missed**: {'; '.join(missed)}." if missed else "All goals were reached."),
        "## Connections",
        _table(("what", "goal", "measured"), of_connections),
        "## Memory",
        f"Of two workers and all their processes (proportional set size); all attacks and {min(FOUND_TOO, found)} that "
        f"`make fuzz` found in turn, {calm.ATTACKS_A_SECOND} a second.",
        _table(("when", "goal", "measured"), memory_rows),
    ]
    return "\n\n".join(parts) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    size = f"{row.body_bytes:,} B" if row.body_bytes else ""
    lost = f"{len(row.lost)}: {', '.join(sorted(set(row.lost)))}" if row.lost else "0"
    cost = (f"{row.cost:.3f} s", f"{row.seconds_a_kb:.4f} s") if row.body_bytes else ("", "")
    times = (f"{seconds * 1e3:,.1f} ms" for seconds in (row.p50, row.p95, row.most))
    return row.name, size, *cost, *times, lost, f"{row.stall * 1e3:g} ms"


def _table(heading: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    models = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    load = os.getloadavg()[0]
    return (
        f"{models[1] if models else platform.machine()}, {os.cpu_count()} cores, load average {load:.1f} at the end; "
        f"Python {platform.python_version()}."
    )
