"""`python -m benchmarks.bulk.least SOURCE PROCESSES`: ONNX Runtime and, of a folder, Pillow, in so many processes.

Nothing is decided, checked or written: the digits of an .npy file's frames, or of a folder's PNG files.
"""

import multiprocessing
import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from app.inference import bundle
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from benchmarks.bulk.material import MODELS

ROWS = 64  # in a run, as the service has at most


def share(source: Path, processes: int, place: int) -> int:
    """One process' part; how many images it read."""
    classifier = opened(read_bundle(bundle.find(MODELS, "digits")).model)
    files = sorted(source.iterdir())[place::processes] if source.is_dir() else []
    frames = None if files else np.load(source, mmap_mode="r")
    count = len(files) if frames is None else len(frames)
    read = 0
    start, stop = (0, count) if frames is None else (count * place // processes, count * (place + 1) // processes)
    for at in range(start, stop, ROWS):
        end = min(at + ROWS, stop)
        some = np.stack([np.asarray(Image.open(file)) for file in files[at:end]]) if files else frames[at:end]
        read += len(classifier.scores(np.ascontiguousarray(some)).argmax(axis=1))
    return read


if __name__ == "__main__":
    path, processes = Path(sys.argv[1]), int(sys.argv[2])
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        print(sum(pool.map(partial(share, path, processes), range(processes), chunksize=1)))
