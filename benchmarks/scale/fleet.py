"""Many workers behind a balancer, simulated: a tenfold step of load, an autoscaler, cold starts and rolling restarts.

The autoscaler is Kubernetes' HorizontalPodAutoscaler with its defaults (kubernetes.io, "Horizontal Pod Autoscaling"):
it looks every 15 s; pods that are not ready count as idle; up to four pods more or twice as many in 15 s. Its metrics
are metrics-server's, of windows of 15 s. The balancer gives each request to any ready worker, as kube-proxy does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simpy

from benchmarks.scale.samples import Scenario
from benchmarks.scale.worker import Costs, Limits, Request, Steps, Worker

SYNC_SECONDS = METRICS_SECONDS = 15.0
TOLERANCE = 0.1
MOST_MORE, MOST_TIMES = 4, 2  # pods, in one sync
SCHEDULE_SECONDS = 2.0  # assumed: a pod gets its node, whose image is there
NODE_SECONDS = 90.0  # assumed: a node is made and fetches the image
PROBE_SECONDS = 2.5  # assumed: half of a readiness probe's period
SLICE_SECONDS = 5.0
STEP_AT, LASTS = 30.0, 210.0  # seconds
STEP = 10.0  # times
BASE_WORKERS = 2
RESTARTED = 8  # workers of a fleet that is restarted
BALANCED = 8  # workers
RESTARTED_AT = (0.5, 0.6, 0.7, 0.8)
TIMES_BEFORE, BACK_SLICES = 2.0, 3

Rate = Callable[[float], float]


@dataclass(frozen=True)
class Autoscaler:
    target: float  # utilisation
    by_rate: bool  # else by the CPU that pods used, which is never more than they have
    start_seconds: float


class Fleet:
    """Workers that come and go, and what they did, in slices of time."""

    def __init__(
        self,
        costs: Costs,
        limits: Limits,
        workers: int,
        rate: Rate,
        most_rate: float,
        seconds: float,
        *,
        choices: int = 1,
        seed: int = 0,
    ) -> None:
        """The balancer gives a request to the least busy of so many workers, `choices`, that it takes by chance."""
        self.env = simpy.Environment()
        self._costs, self._limits, self._rate, self._most_rate = costs, limits, rate, most_rate
        self._choices = choices
        self._seconds, self._random = seconds, np.random.default_rng(seed)
        self.ready = [self._worker() for _ in range(workers)]
        self.starting = 0
        slices = math.ceil(seconds / SLICE_SECONDS)
        self._latencies: list[list[float]] = [[] for _ in range(slices)]
        self._offered, self._refused, self._workers = [0] * slices, [0] * slices, [workers] * slices
        self.env.process(self._arrivals())
        self.env.process(self._count())

    def run(self, name: str, since: float = STEP_AT) -> Scenario:
        self.env.run(self._seconds)
        p99 = [float(np.percentile(one, 99)) if one else math.inf for one in self._latencies]
        shares = [refused / max(1, offered) for refused, offered in zip(self._refused, self._offered, strict=True)]
        return Scenario(
            name=name,
            slice_seconds=SLICE_SECONDS,
            offered=[one / SLICE_SECONDS for one in self._offered],
            workers=self._workers,
            p99=p99,
            refused=shares,
            back_after=_back_after(p99, shares, since),
        )

    def percentile(self, percent: float) -> float:
        """Of all latencies, once it has run."""
        return float(np.percentile(np.concatenate(self._latencies), percent))

    def _worker(self) -> Worker:
        return Worker(self.env, self._costs, self._limits, self._ended)

    def _ended(self, request: Request) -> None:
        at = self._slice(request.came)
        if request.refused:
            self._refused[at] += 1
        else:
            self._latencies[at].append(self.env.now - request.came)

    def _slice(self, at: float) -> int:
        return min(int(at / SLICE_SECONDS), len(self._offered) - 1)

    def _arrivals(self) -> Steps:
        while True:  # thinned: Lewis and Shedler, 1979
            yield self.env.timeout(self._random.exponential(1 / self._most_rate))
            if self._random.random() * self._most_rate < self._rate(self.env.now):
                self._offered[self._slice(self.env.now)] += 1
                chosen = self._random.integers(len(self.ready), size=self._choices)
                min((self.ready[one] for one in chosen), key=_in_hand).send(Request(self.env.now))

    def _count(self) -> Steps:
        while True:
            self._workers[self._slice(self.env.now)] = len(self.ready)
            yield self.env.timeout(SLICE_SECONDS)

    def start(self, after: float) -> Steps:
        """One worker more, once it is ready."""
        self.starting += 1
        yield self.env.timeout(after)
        self.starting -= 1
        self.ready.append(self._worker())

    def autoscaled(self, by: Autoscaler) -> Steps:
        """Only upwards: down goes nothing for 300 s."""
        capacity = 1 / seconds_of(self._costs)  # requests a second of one worker
        busy, came, age = self._busy(), sum(self._offered), METRICS_SECONDS / 2  # the metrics' age, on average
        yield self.env.timeout(METRICS_SECONDS)
        while True:
            window_busy, window_came = self._busy() - busy, sum(self._offered) - came
            busy, came = busy + window_busy, came + window_came
            used = (window_came / capacity if by.by_rate else window_busy) / METRICS_SECONDS
            yield self.env.timeout(age)
            pods = len(self.ready) + self.starting
            wanted = math.ceil(used / by.target)
            if wanted > pods * (1 + TOLERANCE):
                for _ in range(min(wanted, max(pods + MOST_MORE, pods * MOST_TIMES)) - pods):
                    self.env.process(self.start(by.start_seconds))
            yield self.env.timeout(SYNC_SECONDS - age)

    def _busy(self) -> float:
        return sum(worker.core.busy for worker in self.ready)

    def restarted(self, start_seconds: float) -> Steps:
        """One after the other, without another in its place meanwhile."""
        yield self.env.timeout(STEP_AT)
        for _ in range(len(self.ready)):
            self.ready.pop(0)  # it ends what it has
            yield from self.start(start_seconds)


def _in_hand(worker: Worker) -> int:
    return worker.in_hand


def _back_after(p99: list[float], refused: list[float], since: float) -> float | None:
    """Seconds until all later slices refuse nothing and have TIMES_BEFORE their usual p99 at most.

    Requests of the last slice may be unanswered, so that it does not count.
    """
    usual = float(np.median(p99[: int(since / SLICE_SECONDS)]))
    pairs = enumerate(zip(p99[:-1], refused[:-1], strict=True))
    bad = [at for at, (one, share) in pairs if at * SLICE_SECONDS >= since and (one > TIMES_BEFORE * usual or share)]
    if not bad:
        return 0.0
    back = bad[-1] + 1
    return back * SLICE_SECONDS - since if back + BACK_SLICES < len(p99) else None


def scenarios(costs: Costs, limits: Limits, start_seconds: float) -> list[Scenario]:
    """All of photos, whose cost is the decoding."""
    warm = SCHEDULE_SECONDS + start_seconds + PROBE_SECONDS
    cold = warm + NODE_SECONDS
    there, to_be_made = "on nodes that are there", "on nodes to be made"
    scalers = {
        f"by CPU, target 70 %, {there}": Autoscaler(0.7, False, warm),
        f"by CPU, target 50 %, {there}": Autoscaler(0.5, False, warm),
        f"by requests, target 50 %, {there}": Autoscaler(0.5, True, warm),
        f"by requests, target 50 %, {to_be_made}": Autoscaler(0.5, True, cold),
    }
    return [
        *(stepped(name, costs, limits, by) for name, by in scalers.items()),
        *(restarted(costs, limits, utilisation, warm) for utilisation in RESTARTED_AT),
    ]


def stepped(
    name: str, costs: Costs, limits: Limits, by: Autoscaler, times: float = STEP, lasts: float = LASTS
) -> Scenario:
    """BASE_WORKERS at the target, and then so many times as many requests."""
    base = BASE_WORKERS * by.target / seconds_of(costs)
    fleet = Fleet(costs, limits, BASE_WORKERS, lambda now: base * (times if now >= STEP_AT else 1), base * times, lasts)
    fleet.env.process(fleet.autoscaled(by))
    return fleet.run(name)


def restarted(costs: Costs, limits: Limits, utilisation: float, start_seconds: float) -> Scenario:
    """RESTARTED workers, each started anew after the one before."""
    rate = RESTARTED * utilisation / seconds_of(costs)
    fleet = Fleet(costs, limits, RESTARTED, lambda _: rate, rate, STEP_AT + RESTARTED * start_seconds + STEP_AT)
    fleet.env.process(fleet.restarted(start_seconds))
    return fleet.run(f"{RESTARTED} workers at {utilisation:.0%}, restarted one at a time")


def balanced(costs: Costs, limits: Limits, rate: float, requests: int) -> float:
    """The 99th percentile of BALANCED workers that get so many requests a second each, by the lesser of two."""
    in_all = rate * BALANCED
    fleet = Fleet(costs, limits, BALANCED, lambda _: in_all, in_all, requests / in_all, choices=2)
    fleet.run("")
    return fleet.percentile(99)


def seconds_of(costs: Costs) -> float:
    """CPU of a request that is run alone."""
    return costs.turn * 2 + costs.before + costs.after + costs.decode + costs.run_seconds[costs.rows]
