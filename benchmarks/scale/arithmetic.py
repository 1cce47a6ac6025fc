"""What a billion images a day takes, from measured costs. What is assumed is a constant here, and the page says it."""

import math
from typing import NamedTuple

from benchmarks.scale.predict import limits_of
from benchmarks.scale.samples import Headroom, Kind, Measured, Samples

IMAGES = 1_000_000_000  # a day
DAY, MONTH_HOURS = 86_400, 730
SWING = 0.8  # the rate over a day: mean * (1 + SWING * cos(2 pi (t - 14 h) / 24 h))
MOST_UTILISATION = 0.7  # the chart's target: the rest is for bursts, and for pods that are away
POD_WORKERS = 2  # as the chart's resources have it
SCRAPE_SECONDS = 15
SAMPLE_BYTES = 2  # of Prometheus' disk, at most (prometheus.io, "Storage": 1 to 2)
KEPT_DAYS = 15  # Prometheus' default retention
FRAME_BYTES = 1 + 40 / 1460  # on the wire for one that is sent, with TCP's and IP's headers
MOST_ROWS = 64  # of a run
STARTED_WITHIN = 10.0  # seconds


class Need(NamedTuple):
    """What one kind of request takes for all images of a day."""

    kind: str
    utilisation: float  # at most, by the simulation
    mean_rate: float  # requests a second
    peak_rate: float
    cores: int  # at the peak, at that utilisation
    pods: int
    memory_bytes: float
    bytes_in: float  # a second, at the peak
    bytes_out: float
    core_hours: float  # for a million images, with the fleet as large as the peak needs all day
    core_hours_scaled: float  # the same with a fleet that follows the curve
    gb_months: float  # of memory, for a million images, with the fleet as large as the peak needs
    traffic_gb: float  # for a million images, both ways
    kept_gb: float  # for a million images, where inputs are kept
    kept_rate: float  # bytes a second at the peak


def needs(samples: Samples) -> list[Need]:
    return [need(samples, kind) for kind in samples.measured.kinds]


def need(samples: Samples, kind: Kind) -> Need:
    measured = samples.measured
    utilisation = usable(samples.simulated.headroom, kind)
    mean = IMAGES / kind.images / DAY
    peak = mean * (1 + SWING)
    cores = math.ceil(peak * kind.seconds / utilisation)
    pods = math.ceil(cores / POD_WORKERS)
    memory = pods * pod_bytes(measured)
    millions = IMAGES / 1e6
    traffic = (kind.request_bytes + kind.answer_bytes) * FRAME_BYTES / kind.images
    return Need(
        kind=kind.name,
        utilisation=utilisation,
        mean_rate=mean,
        peak_rate=peak,
        cores=cores,
        pods=pods,
        memory_bytes=memory,
        bytes_in=peak * kind.request_bytes * FRAME_BYTES,
        bytes_out=peak * kind.answer_bytes * FRAME_BYTES,
        core_hours=pods * POD_WORKERS * 24 / millions,
        core_hours_scaled=mean * kind.seconds / utilisation * 24 / millions,
        gb_months=memory / 1e9 * 24 / MONTH_HOURS / millions,
        traffic_gb=traffic * 1e6 / 1e9,
        kept_gb=kind.request_bytes / kind.images * 1e6 / 1e9,
        kept_rate=peak * kind.request_bytes,
    )


def usable(headroom: list[Headroom], kind: Kind) -> float:
    """The highest utilisation of those simulated at which p99 keeps its bound, but no more than the chart's target."""
    line = [one for one in headroom if one.kind == kind.name and one.group == 1 and not one.balanced]
    good = [one.utilisation for one in line if one.p99 <= kind.bound and one.utilisation <= MOST_UTILISATION]
    return max(good, default=min(one.utilisation for one in line))


def worker_bytes(measured: Measured) -> float:
    """What one worker more takes."""
    (fewer, less), (more, much) = measured.workers_bytes
    return (much - less) / (more - fewer)


def pod_bytes(measured: Measured) -> float:
    workers, taken = measured.workers_bytes[0]
    return taken + (POD_WORKERS - workers) * worker_bytes(measured)


class Watching(NamedTuple):
    """What Prometheus takes in for so many pods."""

    pods: int
    series: int
    samples: float  # a second
    bytes: float  # a second, over the network
    cores: float  # of the service's, to answer it
    disk: float  # bytes, for its retention


def watching(measured: Measured, pods: int) -> Watching:
    scrape = measured.scrape
    return Watching(
        pods=pods,
        series=pods * scrape.series,
        samples=pods * scrape.series / SCRAPE_SECONDS,
        bytes=pods * scrape.bytes / SCRAPE_SECONDS,
        cores=pods * scrape.seconds / SCRAPE_SECONDS,
        disk=pods * scrape.series / SCRAPE_SECONDS * SAMPLE_BYTES * KEPT_DAYS * DAY,
    )


class Bounds(NamedTuple):
    """Seconds of a whole worker's work that may wait, by what refuses what comes then."""

    kind: str
    wait: float
    queue: float
    held: float
    connections: float


def bounds(measured: Measured, kind: Kind, held_bytes: int, connections: int) -> Bounds:
    limits = limits_of(measured)
    return Bounds(
        kind=kind.name,
        wait=limits.wait_seconds,
        queue=limits.queue_rows / kind.rows * kind.seconds,
        held=held_bytes / kind.request_bytes * kind.seconds,
        connections=connections * kind.seconds,
    )


def loading_bytes(measured: Measured, pods: int) -> float:
    """A second, from storage that pods share, where all of them start within STARTED_WITHIN seconds."""
    return pods * measured.models_bytes / STARTED_WITHIN
