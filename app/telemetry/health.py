"""What a worker watches of itself: how late its event loop is, its memory, and when it and the service began."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from time import perf_counter, time

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.histogram import Histogram

BEGAN = time()  # of the whole service: workers are forked from a parent that has imported this
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
LOOK_EVERY = 0.02  # seconds: as long as the event loop may be held
STATM = Path("/proc/self/statm")  # Linux, proc_pid_statm(5); the second is resident memory, in pages
LOOK_AT_MEMORY_EVERY = 5.0  # seconds


class Health:
    """Its metrics; what holds the event loop up delays this as it delays every request."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Gauge(
            "digitserve_start_time_seconds",
            "When the service began, in Unix time: tells instances apart, and what was before a restart.",
            registry=registry,
            multiprocess_mode="livemax",
        ).set(BEGAN)
        self._starts = Counter(
            "digitserve_worker_starts", "Workers that began to serve, replaced ones too.", registry=registry
        )
        self._memory = Gauge(
            "digitserve_worker_memory_bytes",
            "Resident memory of all workers.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._lag = Histogram(
            "digitserve_event_loop_lag_seconds",
            f"How late the event loop is, looked at every {LOOK_EVERY * 1e3:g} ms.",
            buckets=LAGS,
            registry=registry,
        )
        self._longest = Gauge(
            "digitserve_event_loop_longest_lag_seconds",
            "The latest that the event loop has been since its start.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._longest_seconds = 0.0

    def watch(self) -> None:
        """From now on: this worker begins to serve."""
        self._starts.inc()
        self._watch_loop()
        self._watch_memory()

    def _watch_loop(self, due: float | None = None) -> None:
        """`due`: when this was to be called, on perf_counter's clock. Takes 0.6 % of a core when idle."""
        now = perf_counter()
        if due is not None:
            lag = max(0.0, now - due)  # uvloop counts in whole milliseconds, and may be early
            self._lag.observe(lag)
            if lag > self._longest_seconds:
                self._longest_seconds = lag
                self._longest.set(lag)
        asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch_loop, now + LOOK_EVERY)

    def _watch_memory(self) -> None:
        with suppress(OSError):  # not everywhere there is such a file
            self._memory.set(int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
            asyncio.get_running_loop().call_later(LOOK_AT_MEMORY_EVERY, self._watch_memory)
