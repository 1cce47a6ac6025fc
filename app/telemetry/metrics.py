"""Every metric of the service, on a registry that is passed in; summed over all workers where a parent has them.

Such workers keep their values in files, one of each kind a worker, in a folder that they share. The files of those that
have ended are folded into one, which readers see before or after that, but never during it: they share a lock.
"""

import asyncio
import fcntl
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import prometheus_client
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from app.errors import StartError

log = structlog.get_logger()

SHARED = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
disable_created_metrics()  # a second series for each, of no use to anyone here

LAGS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
LOOK_EVERY = 0.02  # seconds: as long as the event loop may be held
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PENDING_SECONDS = 0.05  # for which a worker may know of requests that the others' /metrics does not show yet
SUMMED = "counter", "histogram"
KINDS = (*SUMMED, "gauge_livesum", "gauge_livemax")  # as prometheus_client names a worker's files: KIND_PID.db
ROOM_BYTES = 1 << 18  # of each: some hundred series of a histogram
NOBODY = 0  # in place of a process id: those that have ended


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
        self._reading: asyncio.Future[bytes] | None = None
        self._read_again_at = 0.0

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

    async def exposition(self) -> bytes:
        """The Prometheus text format, over all workers. Their files are read on a thread, and once for all who ask
        within PENDING_SECONDS: that takes some milliseconds of a core.
        """
        self.flush()
        if SHARED not in os.environ:
            return generate_latest(self.registry)
        now = asyncio.get_running_loop().time()
        if self._read_again_at <= now and (self._reading is None or self._reading.done()):
            self._read_again_at = now + PENDING_SECONDS
            self._reading = asyncio.ensure_future(asyncio.to_thread(_over_all_workers))
        assert self._reading is not None
        return await asyncio.shield(self._reading)


def _over_all_workers() -> bytes:
    together = CollectorRegistry()
    MultiProcessCollector(together)
    with _locked(fcntl.LOCK_SH):
        return generate_latest(together)


def share_between_workers() -> "tempfile.TemporaryDirectory[str]":
    """Make the folder through which workers share their metrics; it goes when the returned object is cleaned up.

    Raises StartError where there is no room for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="digitserve-metrics-")
    except OSError as error:
        raise _no_room(error) from error
    os.environ[SHARED] = folder.name
    values.ValueClass = values.get_value_class()  # which looked at that when it was imported
    return folder


def reserve_room() -> None:
    """Give this worker's files their space on disk. Else they would be sparse, and to write a value where there is no
    room left ends a process by SIGBUS. Raises StartError where there is none.
    """
    try:
        for kind in KINDS:
            _make(_file(kind, os.getpid()), {})
    except OSError as error:
        raise _no_room(error) from error


def fold(living: Collection[int]) -> bool:
    """Add what workers that have ended counted to one file of each kind, and forget their gauges. `living` are the
    process ids of the others. Whether that is done: not while someone reads, who must not be waited for.
    """
    ended: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for file in Path(os.environ[SHARED]).glob("*.db"):
        kind, pid = file.stem.rsplit("_", 1)
        if int(pid) not in (NOBODY, *living):
            ended[kind].append(file)
    try:
        with _locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            for kind in reversed(KINDS):  # what is only dropped makes room for what is added up
                files = ended[kind]
                if files and kind in SUMMED:
                    total = _file(kind, NOBODY)
                    _make(total, _sums([*files, total] if total.exists() else files))
                for file in files:
                    file.unlink()
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("the counts of a worker that has ended stay in files of their own", reason=str(error))
    return True


def _sums(files: list[Path]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for file in files:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(file):
            sums[key] += value
    return sums


def _make(path: Path, content: dict[str, float]) -> None:
    """Write a file of values, whole or not at all. Raises OSError where there is no room for it."""
    new = path.with_suffix(".new")  # which no reader looks at
    with new.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES + sum(len(key.encode()) + 32 for key in content))
        except OSError:
            new.unlink()
            raise
    held = MmapedDict(str(new))
    for key, value in content.items():
        held.write_value(key, value, 0.0)
    held.close()
    new.replace(path)


def _file(kind: str, pid: int) -> Path:
    return Path(os.environ[SHARED], f"{kind}_{pid}.db")


def _no_room(error: OSError) -> StartError:
    return StartError(
        f"workers keep their metrics in a temporary folder: {error}; set TMPDIR to one with room for them"
    )


@contextmanager
def _locked(how: int) -> Iterator[None]:
    """The folder's lock, shared or exclusive. Raises BlockingIOError where it is not to be waited for."""
    folder = os.open(os.environ[SHARED], os.O_RDONLY)
    try:
        fcntl.flock(folder, how)
        yield
    finally:
        os.close(folder)
