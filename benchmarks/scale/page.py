"""Samples -> docs/scale.md. No number in there is typed by hand."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from app.config import Settings
from benchmarks.scale import arithmetic, fleet, plots
from benchmarks.scale.arithmetic import (
    IMAGES,
    KEPT_DAYS,
    MOST_ROWS,
    MOST_UTILISATION,
    POD_WORKERS,
    SAMPLE_BYTES,
    SCRAPE_SECONDS,
    SWING,
)
from benchmarks.scale.kinds import PHOTO_SHAPE
from benchmarks.scale.measure import CONNECTIONS, WAIT_SECONDS
from benchmarks.scale.samples import BOUND_SECONDS, OWN_TIMES, Measured, Point, Prediction, Samples, Scenario
from benchmarks.scale.stalls import share_lost

CONNECTIONS_OF_A_WORKER = 1024  # max_connections where it is unset
SOME_PODS = (1, 10, 100, 1000)
NEAR = 0.25  # of what was measured
BOUND = f"{BOUND_SECONDS * 1000:g} ms"
Row = Sequence[str]


def write(folder: Path, samples: Samples) -> None:
    """scale.md and its pictures."""
    plots.write(folder, samples.simulated)
    parts = ["# What many images take", *_parts(samples)]
    (folder / "scale.md").write_text("\n\n".join(parts) + "\n")


def _parts(samples: Samples) -> Iterator[str]:
    yield _about(samples.measured)
    yield "## What a core does"
    yield from _rates(samples.measured)
    yield f"## {IMAGES:,} images a day"
    yield from _days(samples)
    yield "## Where the limits are"
    yield from _queues(samples.measured)
    yield _storage(samples)
    yield from _metrics(samples.measured)
    yield "## Is the simulation to be believed?"
    yield from _check(samples)
    yield "## How much room is needed"
    yield from _room(samples)
    yield "## A step of load, cold starts and restarts"
    yield from _steps(samples)


def _about(measured: Measured) -> str:
    low, high = min(measured.load), max(measured.load)
    strains = [one.strain for one in measured.kinds]
    return (
        "Written by `python -m benchmarks.scale` from `benchmarks/scale.json`; no number here is typed by hand. All "
        f"that is measured is of {measured.date}, on {measured.machine} **that others shared and kept busy: its load "
        f"was {low:.1f} to {high:.1f}**. They add to times by the clock, and even to the CPU of a request: its median "
        f"over the rounds is {min(strains):.2f} to {max(strains):.2f} times the least. Figures of capacity are those "
        "of the least, as of a core that nobody else uses. Nothing was measured on a cluster: fleets are simulated, "
        "and what is assumed of them is said where it is used."
    )


def _rates(measured: Measured) -> Iterator[str]:
    height, width = PHOTO_SHAPE
    yield (
        f"The default model, one worker on one core, connections that are kept; {len(measured.load)} rounds, the "
        f"kinds in turn. A photo is a JPEG of {width} x {height}, read in a process of its own on the same core. CPU "
        "is that of all processes of the service for one request. Images a second are those that the least CPU "
        "allows; by the clock, those that came through beside the others."
    )
    head = (
        "request",
        "images",
        "CPU, least",
        "median",
        "of the least, decoding",
        "images/s a core",
        "by the clock here",
    )
    yield _table(
        head,
        [
            (
                one.name,
                str(one.images),
                _us(one.seconds),
                _us(median(one.in_all)),
                _us(min(one.decode_seconds)),
                f"{one.images_a_second:,.0f}",
                f"{one.images * median(one.rates):,.0f}",
            )
            for one in measured.kinds
        ],
    )


def _days(samples: Samples) -> Iterator[str]:
    measured, needs = samples.measured, arithmetic.needs(samples)
    yield (
        f"All of one kind. The rate over a day is assumed to be mean x (1 + {SWING:g} cos(2 pi (t - 14 h) / 24 h)): "
        f"the peak is {1 + SWING:g} times the mean. Cores are those of the peak, at the highest utilisation "
        f"[below](#how-much-room-is-needed) that keeps p99 within {BOUND}, or {OWN_TIMES:g} times what a request "
        f"itself takes, and at most at {MOST_UTILISATION:.0%}, which leaves room for bursts and for pods that are "
        f"away. A pod is {POD_WORKERS} workers on {POD_WORKERS} cores and takes {_mb(arithmetic.pod_bytes(measured))} "
        f"of memory, a worker more {_mb(arithmetic.worker_bytes(measured))}: measured, with every released model live."
    )
    head = ("request", "requests/s, mean", "peak", "utilisation", "cores", "pods", "memory", "in, at the peak", "out")
    yield _table(
        head,
        [
            (
                one.kind,
                f"{one.mean_rate:,.0f}",
                f"{one.peak_rate:,.0f}",
                f"{one.utilisation:.0%}",
                f"{one.cores:,}",
                f"{one.pods:,}",
                f"{one.memory_bytes / 1e9:,.1f} GB",
                _bits(one.bytes_in),
                _bits(one.bytes_out),
            )
            for one in needs
        ],
    )
    yield (
        "In what is paid for, for a million images. The fleet is as large as the peak needs all day, or follows the "
        "curve; traffic counts TCP's and IP's headers, and no TLS. Kept are requests as they came."
    )
    paid = (
        "request",
        "core-hours, fixed",
        "following",
        "GB-months of memory",
        "GB of traffic",
        "GB kept",
        "at the peak",
    )
    yield _table(
        paid,
        [
            (
                one.kind,
                *map(_three, (one.core_hours, one.core_hours_scaled, one.gb_months, one.traffic_gb, one.kept_gb)),
                f"{one.kept_rate / 1e6:,.0f} MB/s",
            )
            for one in needs
        ],
    )


def _queues(measured: Measured) -> Iterator[str]:
    held = Settings.model_fields["max_held_bytes"].default
    bounds = [arithmetic.bounds(measured, one, held, CONNECTIONS_OF_A_WORKER) for one in measured.kinds]
    yield (
        "**Queues.** Seconds of work that may wait in one worker, by the setting that refuses more; the least is met "
        "first. Where that is the connections, more callers wait in the kernel or at the balancer, and no refusal "
        "tells them so."
    )
    names = ("max_wait_seconds", "max_queue_images", "max_held_bytes", "max_connections")
    yield _table(
        ("request", *names, "first"),
        [
            (kind, *(f"{value:,.3g} s" for value in seconds), names[seconds.index(min(seconds))])
            for kind, *seconds in bounds
        ],
    )


def _storage(samples: Samples) -> str:
    needs, measured = arithmetic.needs(samples), samples.measured
    most, pods = max(needs, key=lambda one: one.kept_rate), max(one.pods for one in needs)
    load = arithmetic.loading_bytes(measured, pods)
    return (
        f"**Shared storage.** A request touches no disk. A pod reads {_mb(measured.models_bytes)} of models at its "
        f"start; {pods:,} pods that start within {arithmetic.STARTED_WITHIN:g} s read {load / 1e9:,.2f} GB/s "
        "together, from a volume that they share, or, where the models are in the image, each from its node. Inputs "
        f"that are kept are more: {most.kept_rate / 1e6:,.0f} MB/s at the peak for the kind {most.kind}, in "
        f"{most.peak_rate:,.0f} objects a second if each request is one."
    )


def _metrics(measured: Measured) -> Iterator[str]:
    scrape = measured.scrape
    yield (
        f"**Metrics.** One /metrics is {scrape.series:,} series and {scrape.bytes / 1000:,.1f} kB after all kinds of "
        f"requests, and takes {scrape.seconds * 1000:.1f} ms of CPU. {scrape.run_series:,} of the series are runs by "
        f"their rows: of one busy model they become {2 * MOST_ROWS}, which is what grows. All workers of a pod answer "
        f"as one. Asked every {SCRAPE_SECONDS} s, kept for {KEPT_DAYS} days at {SAMPLE_BYTES} bytes a sample "
        "(Prometheus says 1 to 2):"
    )
    head = ("pods", "series", "samples/s", "bytes/s", "cores of the service", "disk")
    yield _table(
        head,
        [
            (
                f"{one.pods:,}",
                f"{one.series:,}",
                f"{one.samples:,.0f}",
                f"{one.bytes:,.0f}",
                _three(one.cores),
                f"{one.disk / 1e9:,.2f} GB",
            )
            for one in (arithmetic.watching(measured, pods) for pods in SOME_PODS)
        ],
    )


def _check(samples: Samples) -> Iterator[str]:
    measured, predictions = samples.measured, samples.simulated.predictions
    losses = [share_lost(point.server_trace) for point in measured.points]
    yield (
        "The simulation (`benchmarks/scale/worker.py`, with SimPy) is a worker as the service has it: turns of the "
        f"event loop, one run at a time of up to {MOST_ROWS} rows, pictures read one after the other on the same "
        "core, refusals by expected wait. Its costs are the CPU above, in the median, and the run times by rows of "
        "/metrics; nothing is fitted to the latencies that it has to predict. Tests hold it to the waits of M/M/1 "
        "and M/D/1 queues."
    )
    yield (
        f"Each row is an open loop of Poisson arrivals over {CONNECTIONS} connections for "
        f"{measured.points[0].seconds:g} s, in {len(measured.points) // len(predictions)} rounds; what would wait for "
        f"longer than {WAIT_SECONDS:g} s is refused. The share is of the capacity by the least CPU. What others took "
        "from both cores was watched for a second before and a second after, by a process that works as often as the "
        f"service does, and the simulation loses the same: {min(losses):.0%} to {max(losses):.0%} of the server's "
        "core while it had work. Latencies are medians of the rounds, in ms; errors are of the prediction. The last "
        "column is the simulation without others."
    )
    times = ("predicted", "measured", "error")
    head = (
        "request",
        "share",
        "requests/s",
        "lost",
        "ended",
        *(f"{p} {what}" for p in ("p50", "p99") for what in times),
    )
    yield _table(
        (*head, "429 predicted", "measured", "p50, p99 alone"), [_checked(measured, one) for one in predictions]
    )
    yield _verdict(measured, predictions)


def _checked(measured: Measured, one: Prediction) -> Row:
    points = _points(measured, one)
    p50, p99 = (median(getattr(point, what) for point in points) for what in ("p50", "p99"))
    return (
        one.kind,
        f"{one.share:.0%}",
        f"{one.rate:,.0f}",
        f"{median(share_lost(point.server_trace) for point in points):.0%}",
        f"{median(point.answered for point in points):.0%}",
        *(_ms(one.p50), _ms(p50), f"{one.p50 / p50 - 1:+.0%}"),
        *(_ms(one.p99), _ms(p99), f"{one.p99 / p99 - 1:+.0%}"),
        *(f"{one.refused:.1%}", f"{median(point.refused for point in points):.1%}"),
        f"{_ms(one.p50_alone)}, {_ms(one.p99_alone)}",
    )


def _points(measured: Measured, one: Prediction) -> list[Point]:
    return [point for point in measured.points if (point.kind, point.share) == (one.kind, one.share)]


def _verdict(measured: Measured, predictions: Sequence[Prediction]) -> str:
    errors = {
        what: [
            abs(getattr(one, what) / median(getattr(p, what) for p in _points(measured, one)) - 1)
            for one in predictions
        ]
        for what in ("p50", "p99")
    }
    near = {what: sum(error <= NEAR for error in of) for what, of in errors.items()}
    spread = [max(ps) / min(ps) for ps in ([p.p99 for p in _points(measured, one)] for one in predictions)]
    return (
        f"Within {NEAR:.0%} are {near['p50']} of {len(predictions)} predictions of p50 and {near['p99']} of p99; the "
        f"median errors are {median(errors['p50']):.0%} and {median(errors['p99']):.0%}, the largest "
        f"{max(errors['p50']):.0%} and {max(errors['p99']):.0%}. The same p99 measured again differs by a factor of "
        f"{median(spread):.1f} in the median and {max(spread):.1f} at most, from round to round: that is what a "
        "prediction can be held to on this machine."
    )


def _room(samples: Samples) -> Iterator[str]:
    headroom = samples.simulated.headroom
    groups = max(one.group for one in headroom)
    yield (
        "Simulated: the 99th percentile in ms by how busy a worker is, at the least CPU. Arrivals are Poisson, and "
        "each request goes to any worker, as kube-proxy does it, so that one worker tells it for all; or it goes to "
        f"the less busy of two, in a fleet of {fleet.BALANCED} workers; or requests come in groups of {groups} to the "
        f"same worker, as from a caller whom a balancer keeps at one pod. The bound is {BOUND}, or {OWN_TIMES:g} "
        "times what a request itself takes: what takes longer alone can keep no other, however idle the worker is."
    )
    rows = []
    for kind, group, balanced in dict.fromkeys((one.kind, one.group, one.balanced) for one in headroom):
        line = [one for one in headroom if (one.kind, one.group, one.balanced) == (kind, group, balanced)]
        bound = samples.measured.kind(kind).bound
        good = [one.utilisation for one in line if one.p99 <= bound]
        manner = "less busy of two" if balanced else f"groups of {group}" if group > 1 else "any worker"
        rows.append(
            (kind, manner, *(_ms(one.p99) for one in line), f"{_ms(bound)} ms", f"{max(good):.0%}" if good else "none")
        )
    utilisations = sorted({one.utilisation for one in headroom})
    yield _table(("request", "balancer", *(f"{one:.0%}" for one in utilisations), "bound", "kept up to"), rows)
    yield f"![The 99th percentile by utilisation]({plots.HEADROOM})"


def _steps(samples: Samples) -> Iterator[str]:
    starts, scenarios = samples.measured.starts, samples.simulated.scenarios
    yield (
        f"Simulated, with photos: {fleet.BASE_WORKERS} pods of one worker at their target, a step to {fleet.STEP:g} "
        f"times as many requests, and Kubernetes' autoscaler, which looks every {fleet.SYNC_SECONDS:g} s at metrics "
        f"that are {fleet.METRICS_SECONDS / 2:g} s old. From the command to readiness a start took "
        f"{median(starts):.1f} s here ({min(starts):.1f} to {max(starts):.1f}). Assumed are "
        f"{fleet.SCHEDULE_SECONDS:g} s to get a node, {fleet.PROBE_SECONDS:g} s until a probe sees it, and "
        f"{fleet.NODE_SECONDS:g} s where the node must be made. Models are warm before a pod is ready, so no request "
        "meets a cold one. At restarts no pod stands in for the one that is away; with one more (`maxSurge: 1`) "
        f"nothing is lost. As before means that nothing is refused and p99 is at most {fleet.TIMES_BEFORE:g} times "
        "what it was."
    )
    yield _table(
        ("fleet", "pods", "worst p99 of 5 s, ms", "refused in all", "until as before"),
        [
            (
                one.name,
                f"{one.workers[0]} to {max(one.workers)}",
                _ms(max(value for value in one.p99 if math.isfinite(value))),
                f"{_refused(one):.1%}",
                f"more than {len(one.p99) * one.slice_seconds:g} s"
                if one.back_after is None
                else f"{one.back_after:g} s",
            )
            for one in scenarios
        ],
    )
    yield (
        "CPU that is used is never more than there is: an autoscaler that goes by it asks for at most 1 / target as "
        "many pods each time, however many requests come. The number of requests has no such ceiling, and neither "
        "has their wait. A step that is faster than a start can only be met by room that is there before, or be "
        "refused."
    )
    yield f"![A step of load]({plots.STEP})"


def _refused(one: Scenario) -> float:
    """Share of all that were offered."""
    return sum(rate * share for rate, share in zip(one.offered, one.refused, strict=True)) / sum(one.offered)


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"


def _ms(seconds: float) -> str:
    """Without its unit."""
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


def _mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _bits(a_second: float) -> str:
    return f"{a_second * 8 / 1e9:,.2f} Gbit/s"


def _three(value: float) -> str:
    return f"{value:.3g}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))
