"""What a process on a core loses to others, as one sees it that works for a part of the time, like a service.

What others do is no part of the service, and on a shared machine most of its tail.
"""

import os
import time
from collections.abc import Iterator
from itertools import cycle

from benchmarks.scale.samples import Trace

BURST_SECONDS = 0.0005
LEAST_SECONDS = 0.0001  # a shorter loss is the clock's, or the cache's


def watch(core: int, duty: float, seconds: float) -> Trace:
    """Watch a core from this process, which works there for a share `duty` of the time."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return _watched(duty, seconds)
    finally:
        os.sched_setaffinity(0, own)


def share_lost(trace: Trace) -> float:
    """Of the time in which there was work."""
    lost = sum(loss for _, loss in trace)
    return lost / (lost + sum(gap for gap, _ in trace))


class Losses:
    """A trace that goes on for ever: seconds lost for seconds worked."""

    def __init__(self, trace: Trace, skip: int = 0) -> None:
        self._pairs = cycle([*trace[skip:], *trace[:skip]])
        self._gap, self._loss = next(self._pairs) if trace else (float("inf"), 0.0)

    def during(self, work: float) -> float:
        self._gap -= work
        lost = 0.0
        while self._gap <= 0:
            lost += self._loss
            gap, self._loss = next(self._pairs)
            self._gap += gap
        return lost

    def intervals(self, seconds: float) -> Iterator[tuple[float, float]]:
        """Begin and end of each loss of a process that always works."""
        now = self._gap
        while now < seconds:
            yield now, now + self._loss
            now += self._loss
            gap, self._loss = next(self._pairs)
            now += gap


def _watched(duty: float, seconds: float) -> Trace:
    found: Trace = []
    worked, end = 0.0, time.perf_counter() + seconds
    pause = BURST_SECONDS * (1 / duty - 1)
    while time.perf_counter() < end:
        slept = time.perf_counter()
        if pause:
            time.sleep(pause)
        before = time.perf_counter()
        if (late := before - slept - pause) > LEAST_SECONDS:
            found.append((worked, late))
            worked = 0.0
        done = 0.0
        while done < BURST_SECONDS:
            now = time.perf_counter()
            if now - before > LEAST_SECONDS:
                found.append((worked, now - before))
                worked = 0.0
            else:
                worked += now - before
                done += now - before
            before = now
    return [(round(gap, 7), round(loss, 7)) for gap, loss in (*found, (worked, 0.0))]
