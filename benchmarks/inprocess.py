"""ONNX Runtime without a server, on one thread: `python -m benchmarks.inprocess IMAGES...` prints seconds a run.

In a process of its own, so that it can be pinned to the core that the servers get.
"""

import json
import sys
from statistics import median
from time import perf_counter

import numpy as np

from app.inference import bundle
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from benchmarks.servers import MODELS

LEAST_SECONDS = 0.5  # of runs of each size


def seconds_of_a_run(model: str, images: int) -> float:
    """The median, over random pixels, of the newest version, which the server answers by too."""
    session = opened(read_bundle(MODELS / model / bundle.versions(MODELS / model)[0]).model)
    frames = np.random.default_rng(0).integers(0, 256, (images, 28, 28), np.uint8)
    session.scores(frames)
    seconds: list[float] = []
    while sum(seconds) < LEAST_SECONDS:
        started = perf_counter()
        session.scores(frames)
        seconds.append(perf_counter() - started)
    return median(seconds)


if __name__ == "__main__":
    sizes = [int(images) for images in sys.argv[1:]]
    print(json.dumps({model: {n: seconds_of_a_run(model, n) for n in sizes} for model in ("mlp-128-64", "digits")}))
