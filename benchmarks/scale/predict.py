"""From what was measured: costs for the simulation, what it says of the points, and the room that is needed."""

from collections.abc import Iterator
from statistics import median

from app.config import Settings
from benchmarks.scale import fleet
from benchmarks.scale.kinds import PHOTO, PIXELS, PIXELS_64
from benchmarks.scale.measure import CONNECTIONS, WAIT_SECONDS
from benchmarks.scale.openloop import Client, Seen, simulate
from benchmarks.scale.samples import Headroom, Kind, Measured, Point, Prediction, Simulated
from benchmarks.scale.worker import Costs, Limits

UTILISATIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
GROUP = 8  # requests that come at once, as of a form with so many boxes
HEADROOM_REQUESTS = 4_000


def simulated(measured: Measured) -> Simulated:
    """All that is simulated; the same for the same samples."""
    return Simulated(
        predictions=[*predictions(measured)],
        headroom=[*headroom(measured)],
        scenarios=fleet.scenarios(costs_of(measured, PHOTO), limits_of(measured), median(measured.starts)),
    )


def costs_of(measured: Measured, name: str, *, strained: bool = False) -> Costs:
    """How the measured CPU of a request divides; `strained`: where others work beside it, as they did.

    A turn of the loop is what a request costs more on one connection than on many, without runs. Half of what is left
    comes before the run, half after it.
    """
    pixels, of = measured.kind(PIXELS), measured.kind(name)
    runs = Costs(0, 0, 0, 0, 0, 1, tuple(measured.runs)).run_seconds
    many = min(pixels.loop_seconds) - _run_share(pixels, runs)
    alone = min(measured.alone_seconds) - runs[1]
    turn = max(0.0, (alone - many) / (1 - 1 / max(2.0, pixels.run_rows)))
    decode = min(of.decode_seconds) if min(of.decode_seconds) > min(of.loop_seconds) else 0.0
    turns = 2.0 if decode else of.rows / of.run_rows
    own = max(0.0, of.seconds - decode - _run_share(of, runs) - turns * turn)
    strain, run_strain = (of.strain, measured.kind(PIXELS_64).strain) if strained else (1.0, 1.0)
    return Costs(
        turn=turn * strain,
        before=own / 2 * strain,
        after=own / 2 * strain,
        refusal=max(0.0, many) / 2 * strain,
        decode=decode * strain,
        rows=max(1, round(of.rows)),
        runs=tuple((rows, seconds * run_strain) for rows, seconds in measured.runs),
    )


def _run_share(kind: Kind, runs: list[float]) -> float:
    """Of one request."""
    rows = min(max(1, round(kind.run_rows)), len(runs) - 1)
    return runs[rows] / rows * kind.rows


def limits_of(measured: Measured, wait_seconds: float | None = None) -> Limits:
    fields = Settings.model_fields
    return Limits(
        batch_rows=max(rows for rows, _ in measured.runs),
        queue_rows=fields["max_queue_images"].default,
        wait_seconds=fields["max_wait_seconds"].default if wait_seconds is None else wait_seconds,
    )


def predictions(measured: Measured) -> Iterator[Prediction]:
    for name, share in dict.fromkeys((point.kind, point.share) for point in measured.points):
        points = [point for point in measured.points if (point.kind, point.share) == (name, share)]
        seen = [predict(measured, point, seed) for seed, point in enumerate(points)]
        alone = [predict(measured, _undisturbed(point), seed) for seed, point in enumerate(points)]
        yield Prediction(
            kind=name,
            share=share,
            rate=points[0].rate,
            p50=median(one.percentile(50) for one in seen),
            p99=median(one.percentile(99) for one in seen),
            refused=median(one.refused for one in seen),
            p50_alone=median(one.percentile(50) for one in alone),
            p99_alone=median(one.percentile(99) for one in alone),
        )


def predict(measured: Measured, point: Point, seed: int) -> Seen:
    """What one open loop should have seen."""
    return simulate(
        costs_of(measured, point.kind, strained=True),
        limits_of(measured, WAIT_SECONDS),
        point.rate,
        requests=round(point.rate * point.seconds),
        sizes=measured.kind(point.kind).sizes,
        client=Client(CONNECTIONS, measured.client_seconds, point.client_trace),
        trace=point.server_trace,
        seed=seed,
    )


def _undisturbed(point: Point) -> Point:
    return point.model_copy(update={"server_trace": [], "client_trace": []})


def headroom(measured: Measured) -> Iterator[Headroom]:
    for kind in measured.kinds:
        costs, limits = costs_of(measured, kind.name), limits_of(measured)
        for utilisation in UTILISATIONS:
            rate = utilisation / kind.seconds
            for group in (1, GROUP):
                seen = simulate(costs, limits, rate, requests=HEADROOM_REQUESTS, group=group, sizes=kind.sizes)
                p99 = seen.percentile(99)
                yield Headroom(kind=kind.name, group=group, balanced=False, utilisation=utilisation, p99=p99)
            p99 = fleet.balanced(costs, limits, rate, HEADROOM_REQUESTS)
            yield Headroom(kind=kind.name, group=1, balanced=True, utilisation=utilisation, p99=p99)
