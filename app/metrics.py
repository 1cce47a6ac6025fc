"""Every metric of the service, on a registry that is passed in; summed over the workers when they are several.

prometheus_client decides at import, by PROMETHEUS_MULTIPROC_DIR, whether values live in this process or in files
that all workers share: `share_between_workers` runs in the parent, before any worker imports this module.
"""

import asyncio
import contextlib
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter

import numpy as np
import prometheus_client
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.errors import StartError

SHARED = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
disable_created_metrics()  # a second series for each, of no use to anyone here

LAGS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
LOOK_EVERY = 0.02  # seconds: as long as the event loop may be held
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PENDING_SECONDS = 0.05  # for which a worker may know of requests that the others' /metrics does not show yet


class Histogram(prometheus_client.Histogram):
    """Takes many observations at a time: one by one, those of a request would cost more than running the model."""

    def observe_all(self, amounts: NDArray[np.float64]) -> None:
        """float64 [N]."""
        places = np.searchsorted(self._upper_bounds, amounts)
        for bucket, more in zip(self._buckets, np.bincount(places, minlength=len(self._buckets)), strict=True):
            if more:
                bucket.inc(float(more))
        self._sum.inc(float(amounts.sum()))


class Metrics:
    """What is counted and timed. Label values are bounded: no path, key or name that a caller can make up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "digitserve_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "digitserve_request_seconds",
            "Time from a request's first byte to its answer's last.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "digitserve_stage_seconds",
            "Time in one stage of a request, as in Server-Timing.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self.errors = Counter(
            "digitserve_errors",
            "Errors answered, those of single items of a batch too.",
            ["code"],
            registry=registry,
        )
        self.images = Counter(
            "digitserve_images",
            "Images read, by decision.",
            ["model", "version", "decision"],
            registry=registry,
        )
        self.run_images = Histogram(
            "digitserve_run_images",
            "Images in one ONNX Runtime run.",
            ["model"],
            buckets=IMAGES,
            registry=registry,
        )
        self.queue_images = Gauge(
            "digitserve_queue_images",
            "Images waiting for a run.",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.model_info = Gauge(
            "digitserve_model_info",
            "1 for each live model version.",
            ["model", "version", "provider", "sha256"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.loop_lag = Histogram(
            "digitserve_event_loop_lag_seconds",
            f"How late the event loop is, looked at every {LOOK_EVERY * 1e3:g} ms.",
            buckets=LAGS,
            registry=registry,
        )
        self.longest_loop_lag = Gauge(
            "digitserve_event_loop_longest_lag_seconds",
            "The latest that the event loop has been since its start.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._longest_lag = 0.0
        # By route, method, status and stages: the seconds of each stage and in all, one tuple a request.
        self._answered: defaultdict[tuple[str, ...], list[tuple[float, ...]]] = defaultdict(list)
        self._read: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._flush_scheduled = False

    def answered(self, route: str, method: str, status: str, stages: dict[str, float], seconds: float) -> None:
        """Count a request, which took `seconds` in all. On the event loop; to be seen PENDING_SECONDS later at most."""
        self._answered[route, method, status, *stages].append((*stages.values(), seconds))
        self._flush_soon()

    def read(self, model: str, version: str, decision: str, images: int = 1) -> None:
        """Count images that a model has read. On the event loop; to be seen PENDING_SECONDS later at most."""
        self._read[model, version, decision] += images
        self._flush_soon()

    def watch_loop(self, due: float | None = None) -> None:
        """From now on, see how late the event loop is: what holds it delays this as it delays every request.

        `due`: when this was to be called, on perf_counter's clock. Takes 0.6 % of a core when idle.
        """
        now = perf_counter()
        if due is not None:
            lag = max(0.0, now - due)  # uvloop counts in whole milliseconds, and may be early
            self.loop_lag.observe(lag)
            if lag > self._longest_lag:
                self._longest_lag = lag
                self.longest_loop_lag.set(lag)
        asyncio.get_running_loop().call_later(LOOK_EVERY, self.watch_loop, now + LOOK_EVERY)

    def _flush_soon(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            asyncio.get_running_loop().call_later(PENDING_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand what has been counted to prometheus_client."""
        self._flush_scheduled = False
        answered, self._answered = self._answered, defaultdict(list)
        for (route, method, status, *stages), rows in answered.items():
            self.requests.labels(route, method, status).inc(len(rows))
            *of_stages, in_all = np.array(rows).T
            for stage, seconds in zip(stages, of_stages, strict=True):
                self.stage_seconds.labels(stage).observe_all(seconds)
            self.request_seconds.labels(route).observe_all(in_all)
        read, self._read = self._read, defaultdict(int)
        for labels, images in read.items():
            self.images.labels(*labels).inc(images)

    def exposition(self) -> bytes:
        """The Prometheus text format, over all workers."""
        self.flush()
        if SHARED not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)


def share_between_workers() -> "tempfile.TemporaryDirectory[str]":
    """Make the folder through which workers share their metrics; it goes when the returned object is cleaned up.

    Raises StartError where there is no room for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="digitserve-metrics-")
    except OSError as error:
        advice = "set TMPDIR to a folder that can be written, or --workers 1"
        raise StartError(f"workers share their metrics in a temporary folder: {error}; {advice}") from error
    os.environ[SHARED] = folder.name
    return folder


def forget_dead_workers() -> None:
    """Remove the gauges of workers that are gone. Their counters stay: a sum must not shrink."""
    if SHARED not in os.environ:
        return
    for pid in {int(file.stem.rsplit("_", 1)[1]) for file in Path(os.environ[SHARED]).glob("gauge_live*.db")}:
        if not _alive(pid):
            with contextlib.suppress(FileNotFoundError):  # another worker that starts has been quicker
                mark_process_dead(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
