"""Every metric of the service, on a registry that is passed in; `shared` sums them over all workers."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from app.telemetry import shared
from app.telemetry.health import Health
from app.telemetry.histogram import Histogram
from app.telemetry.shared import Collected

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
disable_created_metrics()  # a second series for each, of no use to anyone here

SUCCESS, FAILURE = "success", "failure"
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PENDING_SECONDS = 0.05  # for which a worker may know of requests that the others' /metrics does not show yet


class Metrics:
    """What is counted and timed. Label values are bounded: no path, key or name that a caller can make up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.health = Health(registry)
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.requests = counter("digitserve_requests", "Requests answered.", ["route", "method", "status"])
        self.request_seconds = histogram(
            "digitserve_request_seconds",
            "Time from a request's first byte to its answer's last.",
            ["route"],
            buckets=SECONDS,
        )
        self.stage_seconds = histogram(
            "digitserve_stage_seconds",
            "Time in one stage of a request, as in Server-Timing.",
            ["stage"],
            buckets=SECONDS,
        )
        self.errors = counter("digitserve_errors", "Errors answered, those of single items of a batch too.", ["code"])
        self.images = counter(
            "digitserve_images",
            "Images read, by decision, and by what may be wrong with a picture.",
            ["model", "version", "decision", "verdict"],
        )
        self.run_images = histogram(
            "digitserve_run_images", "Images in one ONNX Runtime run.", ["model"], buckets=IMAGES
        )
        self.queue_images = gauge(
            "digitserve_queue_images", "Images waiting for a run.", ["model"], multiprocess_mode="livesum"
        )
        self.model_info = gauge(
            "digitserve_model_info",
            "1 for each live model version.",
            ["model", "version", "provider", "sha256"],
            multiprocess_mode="livemax",
        )
        self._count_models(counter)
        # By route, method, status, success, model and stages: each stage's seconds, those in all and rows, a request.
        self._answered: defaultdict[tuple[Any, ...], list[tuple[float, ...]]] = defaultdict(list)
        self._read: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._ran: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
        self._flush_scheduled = False
        self._reading: asyncio.Future[Collected] | None = None
        self._read_again_at = 0.0

    def _count_models(self, counter: Callable[..., Counter]) -> None:
        self.inferences = counter("digitserve_inferences", "Requests to a model.", ["model", "version", "outcome"])
        self.inference_seconds = counter(
            "digitserve_inference_seconds", "Seconds of a model's requests, by stage.", ["model", "version", "stage"]
        )
        self.inference_rows = counter("digitserve_inference_rows", "Rows of a model's requests.", ["model", "version"])
        self.runs = counter("digitserve_runs", "ONNX Runtime runs, by their rows.", ["model", "version", "rows"])
        self.run_seconds = counter(
            "digitserve_run_seconds", "Seconds of ONNX Runtime runs, by their rows.", ["model", "version", "rows"]
        )
        self.golden_digits = counter(
            "digitserve_golden_digits",
            "Known digits that live models are asked now and then, by whether they were read right.",
            ["model", "version", "outcome"],
        )

    def answered(
        self,
        route: str,
        method: str,
        status: int | str,
        ok: bool,
        model: str,
        rows: int,
        stages: dict[str, float],
        seconds: float,
    ) -> None:
        """Count a request, which took `seconds` in all; `model` is the NAME/VERSION that was asked for `rows`, if any.

        On the event loop; to be seen PENDING_SECONDS later at most.
        """
        self._answered[route, method, status, ok, model, *stages].append((*stages.values(), seconds, rows))
        self._flush_soon()

    def images_read(self, model: str, version: str, decision: str, verdict: str = "", images: int = 1) -> None:
        """Count images that a model has read; frames and numbers have no verdict. On the event loop; to be seen
        PENDING_SECONDS later at most.
        """
        self._read[model, version, decision, verdict] += images
        self._flush_soon()

    def model_live(self, *labels: str) -> None:
        """Tell of a live version, by the labels of `model_info`."""
        self.model_info.labels(*labels).set(1)

    def model_gone(self, *labels: str) -> None:
        """Tell of it no longer: `shared` leaves such series out."""
        self.model_info.labels(*labels).set(0)

    def ran(self, model: str, version: str, rows: int, seconds: float) -> None:
        """Count a run."""
        self._ran[model, version, rows].append(seconds)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            asyncio.get_running_loop().call_later(PENDING_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand what has been counted to prometheus_client."""
        self._flush_scheduled = False
        answered, self._answered = self._answered, defaultdict(list)
        for (route, method, status, ok, model, *stages), requests in answered.items():
            self.requests.labels(route, method, str(status)).inc(len(requests))
            *of_stages, in_all, rows = np.array(requests).T
            for stage, seconds in zip(stages, of_stages, strict=True):
                self.stage_seconds.labels(stage).observe_all(seconds)
            self.request_seconds.labels(route).observe_all(in_all)
            if model:
                self._inferred(model, rows, {"": in_all, **dict(zip(stages, of_stages, strict=True))}, ok=ok)
        read, self._read = self._read, defaultdict(int)
        for labels, images in read.items():
            self.images.labels(*labels).inc(images)
        ran, self._ran = self._ran, defaultdict(list)
        for (model, version, size), runs in ran.items():
            self.runs.labels(model, version, str(size)).inc(len(runs))
            self.run_seconds.labels(model, version, str(size)).inc(sum(runs))

    def _inferred(
        self, label: str, rows: NDArray[np.float64], seconds: dict[str, NDArray[np.float64]], *, ok: bool
    ) -> None:
        """Requests to one model; `seconds` are by stage, and in all by no name. float64 [N] each."""
        model, version = label.split("/")
        self.inferences.labels(model, version, SUCCESS if ok else FAILURE).inc(len(rows))
        if not ok:
            self.inference_seconds.labels(model, version, FAILURE).inc(float(seconds[""].sum()))
            return
        self.inference_rows.labels(model, version).inc(float(rows.sum()))
        for stage, of_stage in seconds.items():
            self.inference_seconds.labels(model, version, stage or SUCCESS).inc(float(of_stage.sum()))

    async def collect(self) -> Collected:
        """All that has been counted, over all workers. Their files are read on a thread, and once for all who ask
        within PENDING_SECONDS: that takes some milliseconds of a core.
        """
        self.flush()
        if shared.FOLDER not in os.environ:
            return Collected.of(self.registry)
        now = asyncio.get_running_loop().time()
        if self._read_again_at <= now and (self._reading is None or self._reading.done()):
            self._read_again_at = now + PENDING_SECONDS
            self._reading = asyncio.ensure_future(asyncio.to_thread(shared.collect))
        assert self._reading is not None
        return await asyncio.shield(self._reading)
