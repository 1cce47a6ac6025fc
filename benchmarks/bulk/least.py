"""`python -m benchmarks.bulk.least SOURCE PROCESSES`: ONNX Runtime and, of a folder, Pillow, in so many processes.

Nothing is decided, checked or written: the digits of an .npy file's frames, or of a folder's PNG files.
"""

import multiprocessing
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from app.inference import bundle
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from benchmarks.bulk.material import MODELS

ROWS = 64  # in a run, as the service has at most


def share(source: Path, processes: int, place: int) -> int:
    """One process' part; how many images it read."""
    classifier = opened(read_bundle(bundle.find(MODELS, "digits")).model)
    read = 0
    for some in _of_files(source, processes, place) if source.is_dir() else _of_array(source, processes, place):
        read += len(classifier.scores(some).argmax(axis=1))
    return read


def _of_files(source: Path, processes: int, place: int) -> Iterator[Frames]:
    files = sorted(source.iterdir())[place::processes]
    for at in range(0, len(files), ROWS):
        yield np.stack([np.asarray(Image.open(file)) for file in files[at : at + ROWS]])


def _of_array(source: Path, processes: int, place: int) -> Iterator[Frames]:
    frames = np.load(source, mmap_mode="r")
    stop = len(frames) * (place + 1) // processes
    for at in range(len(frames) * place // processes, stop, ROWS):
        yield np.ascontiguousarray(frames[at : min(at + ROWS, stop)])


if __name__ == "__main__":
    path, processes = Path(sys.argv[1]), int(sys.argv[2])
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        print(sum(pool.map(partial(share, path, processes), range(processes), chunksize=1)))
