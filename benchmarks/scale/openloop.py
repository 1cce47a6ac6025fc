"""One worker under Poisson arrivals, simulated, and seen as `app.load.open_loop` sees it."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from benchmarks.scale.samples import Trace
from benchmarks.scale.stalls import Losses
from benchmarks.scale.worker import Costs, Limits, Request, Steps, Worker

WARM_SHARE = 0.1  # of the requests, at the start, that are not looked at
NO_TRACE: Trace = []


class Client(NamedTuple):
    """What stands between the arrivals and the worker: connections, and a process that others disturb, too."""

    connections: int = 1_000_000
    seconds: float = 0.0  # of its own for a request
    trace: Trace = NO_TRACE


ALONE = Client()  # nothing


class Seen(NamedTuple):
    """Latencies in seconds, from when a request was due; those of requests that were refused are left out."""

    latencies: NDArray[np.float64]
    refused: float  # share of all that ended
    due: int
    answered: int
    turned_away: int
    left: int  # neither answered nor refused at the end

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.latencies, percent)) if len(self.latencies) else float("nan")


def simulate(
    costs: Costs,
    limits: Limits,
    rate: float,
    *,
    requests: int = 20_000,
    group: int = 1,
    sizes: Sequence[float] = (1.0,),
    client: Client = ALONE,
    trace: Trace = NO_TRACE,
    until: float | None = None,
    seed: int = 0,
) -> Seen:
    """`rate` requests a second that come in groups of so many at Poisson times, each picture one of `sizes`."""
    random = np.random.default_rng(seed)
    due = np.repeat(np.cumsum(random.exponential(group / rate, requests // group)), group)
    losses = Losses(trace, int(random.integers(len(trace) or 1)))
    stops = np.array([*Losses(client.trace).intervals(2 * due[-1])]).reshape(-1, 2)
    sent = _after(due, stops)
    env = simpy.Environment()
    waiting, free, all_sent = deque[Request](), [client.connections], list[Request]()

    def ended(_: Request) -> None:
        if waiting:
            worker.send(waiting.popleft())
        else:
            free[0] += 1

    def arrivals() -> Steps:
        for at, size in zip(sent, random.choice(np.asarray(sizes), len(sent)), strict=True):
            if at > env.now:
                yield env.timeout(at - env.now)
            request = Request(env.now, size)
            all_sent.append(request)
            if free[0]:
                free[0] -= 1
                worker.send(request)
            else:
                waiting.append(request)

    worker = Worker(env, costs, limits, ended, losses)
    env.process(arrivals())
    env.run(until)
    return _seen(all_sent, due, stops, client.seconds)


def _seen(requests: Sequence[Request], due: NDArray[np.float64], stops: NDArray[np.float64], own: float) -> Seen:
    ended = np.array([one.ended for one in requests])
    refused = np.array([one.refused for one in requests])
    answered = ~np.isnan(ended) & ~refused
    latencies = _after(ended, stops) + own - due[: len(ended)]
    first = int(WARM_SHARE * len(requests))
    counted = answered.copy()
    counted[:first] = False
    late = refused[first:]
    over = ~np.isnan(ended[first:])
    return Seen(
        latencies[counted],
        float(late.sum() / max(1, over.sum())),
        len(requests),
        int(answered.sum()),
        int((refused & ~np.isnan(ended)).sum()),
        int(np.isnan(ended).sum()),
    )


def _after(times: NDArray[np.float64], stops: NDArray[np.float64]) -> NDArray[np.float64]:
    """When a process that stands still in `stops`, float64 [N, 2], gets to what happens at those times."""
    if not len(stops):
        return times
    at = np.searchsorted(stops[:, 0], times) - 1
    return np.where(at >= 0, np.maximum(times, stops[at, 1]), times)
