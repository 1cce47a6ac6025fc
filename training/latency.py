"""How long a run takes, measured so that what disturbs the machine disturbs all alike."""

import time
from statistics import median

import numpy as np

from app.tasks.digits.classifier import Classifier

ROUNDS, RUNS_A_ROUND = 20, 25


def microseconds(sessions: list[Classifier], images: int) -> list[float]:
    """The median of a run of so many images, for each session; they take turns."""
    frames = np.random.default_rng(0).integers(0, 256, (images, 28, 28), dtype=np.uint8)
    taken: list[list[float]] = [[] for _ in sessions]
    for _ in range(1 + ROUNDS):  # the first round warms up
        for session, times in zip(sessions, taken, strict=True):
            for _ in range(RUNS_A_ROUND):
                start = time.perf_counter_ns()
                session.scores(frames)
                times.append((time.perf_counter_ns() - start) / 1_000)
    return [round(median(times[RUNS_A_ROUND:]), 1) for times in taken]
