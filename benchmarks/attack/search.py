"""The search for the dearest small requests: hill-climbing within every niche, so that none crowds out the others.

Source of the method: Mouret and Clune, "Illuminating search spaces by mapping elites", 2015. A niche is a route and a
kind of body; of each the best few are kept, and children of theirs are tried.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from heapq import nlargest
from pathlib import Path

import numpy as np

from benchmarks.attack.genomes import Genome, any_genome, crossed, mutated
from benchmarks.attack.request import Request
from benchmarks.attack.service import Service

SECONDS_A_KB, SECONDS_A_REQUEST = 0.05, 1.0  # the goals
LEAST_SECONDS = 0.005  # for which a request may take, however small its body is
GET_SECONDS = 0.02  # of a request without a body
ELITES = 6  # of a niche
TOURNAMENT = 2
CORPUS = 1000  # requests that are remembered
CONFIRMED_FROM = 0.6  # of what is allowed: from there on a cost is measured again,
BEYOND_DOUBT = 5.0  # seconds: up to here
FROM_SCRATCH, FROM_TWO = 0.25, 0.15  # of the requests that are tried
REFUSED_WELL = {400, 404, 405, 408, 413, 415, 422, 429, 431, 501, 503, 504}


@dataclass(frozen=True)
class Cost:
    """What one request cost, in seconds of a core."""

    genome: Genome
    seconds: float
    body_bytes: int
    status: int

    @property
    def share(self) -> float:
        """Of what such a request may cost; over 1 is over budget."""
        return self.seconds / allowed_seconds(self.body_bytes)

    @property
    def seconds_a_kb(self) -> float:
        return self.seconds / (self.body_bytes / 1024) if self.body_bytes else float("nan")

    def __str__(self) -> str:
        per_kb = f"{self.seconds_a_kb:8.4f} s/KB" if self.body_bytes else " " * 13
        what = f"{self.genome.route} {self.genome.kind}".strip()
        return f"{self.share:7.2f}x  {self.seconds:7.4f} s  {self.body_bytes:6,} B  {per_kb}  {self.status}  {what}"


def allowed_seconds(body_bytes: int) -> float:
    """Of one core, for a request whose body is that large."""
    if not body_bytes:
        return GET_SECONDS
    return min(max(LEAST_SECONDS, SECONDS_A_KB * body_bytes / 1024), SECONDS_A_REQUEST)


class Search:
    """Tries requests on a service, and keeps the dearest."""

    def __init__(self, service: Service, seed: int) -> None:
        self._service = service
        self._random = np.random.default_rng(seed)
        self._elites: defaultdict[tuple[str, str], list[Cost]] = defaultdict(list)
        self._seen: dict[str, Cost] = {}
        self.tried = 0
        self.failures: list[Cost] = []  # answers that no outsider should be able to cause
        self.statuses: Counter[int] = Counter()

    def run(self, seconds: float, known: Iterable[Genome] = (), say: Callable[[str], None] = print) -> None:
        """`known`: what an earlier search found, tried first."""
        deadline, told = time.monotonic() + seconds, time.monotonic()
        for genome in self._candidates(known):
            if time.monotonic() > deadline:
                return
            self.try_out(genome)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(f"{self.tried:,} tried; worst so far {self.worst(1)[0]}")

    def worst(self, count: int) -> list[Cost]:
        return nlargest(count, self._seen.values(), key=lambda cost: cost.share)

    def worst_of_each(self, count: int) -> list[Cost]:
        """The dearest of each niche, these in order."""
        return sorted((elites[0] for elites in self._elites.values()), key=lambda cost: -cost.share)[:count]

    def over_budget(self, times: float = 1.0) -> list[Cost]:
        return [cost for cost in self.worst(CORPUS) if cost.share > times]

    def try_out(self, genome: Genome) -> Cost | None:
        """What it costs; None where nothing comes of the genome, or it is known."""
        if genome.text() in self._seen or (request := genome.request()) is None:
            return None
        cost = self._measured(genome, request)
        self.tried += 1
        self.statuses[cost.status] += 1
        if cost.status not in REFUSED_WELL | {200}:
            self.failures.append(cost)
        self._seen[genome.text()] = cost
        if len(self._seen) > 20 * CORPUS:
            self._seen = {one.genome.text(): one for one in self.worst(CORPUS)}
        elites = self._elites[genome.niche]
        elites.append(cost)
        elites.sort(key=lambda one: -one.share)
        del elites[ELITES:]
        return cost

    def _measured(self, genome: Genome, request: Request) -> Cost:
        """The least of three, where it matters: what else the machine does can make a request dearer, never cheaper."""
        seconds, answer = self._service.cost(request)
        if CONFIRMED_FROM * allowed_seconds(len(request.body)) < seconds < BEYOND_DOUBT:
            seconds = min(seconds, *(self._service.cost(request)[0] for _ in range(2)))
        return Cost(genome, seconds, len(request.body), answer.status)

    def _candidates(self, known: Iterable[Genome]) -> Iterator[Genome]:
        yield from known
        while True:
            choice = self._random.random()
            if choice < FROM_SCRATCH or not self._elites:
                yield any_genome(self._random)
                continue
            parent = self._elite()
            if choice < FROM_SCRATCH + FROM_TWO:
                parent = crossed(parent, self._elite(), self._random)
            yield mutated(parent, self._random)

    def _elite(self) -> Genome:
        """The dearest of a few, each of a niche of its own."""
        niches = list(self._elites.values())
        chosen = [niches[self._random.integers(len(niches))] for _ in range(TOURNAMENT)]
        return max((elites[self._random.integers(len(elites))] for elites in chosen), key=lambda one: one.share).genome


def load(corpus: Path) -> list[Genome]:
    """What an earlier search kept, dearest first; nothing where there was none."""
    if not corpus.exists():
        return []
    return [Genome(**json.loads(line)["genome"]) for line in corpus.read_text().splitlines()]


def keep(corpus: Path, costs: Iterable[Cost]) -> None:
    corpus.parent.mkdir(parents=True, exist_ok=True)
    with corpus.open("w") as file:
        for cost in costs:
            line = {"share": round(cost.share, 3), "seconds": round(cost.seconds, 5), "bytes": cost.body_bytes}
            file.write(json.dumps({**line, "status": cost.status, "genome": asdict(cost.genome)}) + "\n")
