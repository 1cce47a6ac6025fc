"""`digitserve score` in turns with the least that can be done: whole commands, from start to end.

Beside the time by the clock, the seconds of cores that they took, all their processes together: where others use the
machine, too, these say more.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from benchmarks.bulk import material
from benchmarks.bulk.cluster import two_nodes

PROCESSES = 2


class Race(NamedTuple):
    """What is measured, beside what, and what part of its speed is wanted."""

    what: str
    against: str
    goal: float


RACES = {
    "frames": Race("frames of an .npy file", "ONNX Runtime alone, two processes", 0.90),
    "pictures": Race("PNG files", "Pillow and ONNX Runtime alone, two processes", 0.85),
    "ray": Race("frames on two nodes of Ray's, one core each", "two processes without Ray", 0.80),
}


class Took(NamedTuple):
    """Seconds of one command."""

    clock: float
    cores: float


def race(name: str, images: int, turns: int) -> Iterator[tuple[Took, Took]]:
    """What both took, turn by turn."""
    with tempfile.TemporaryDirectory() as folder, two_nodes() if name == "ray" else nullcontext() as nodes:
        make = material.pictures if name == "pictures" else material.frames
        source = make(Path(folder, "pictures" if name == "pictures" else "frames.npy"), images)
        out = Path(folder, "out")

        def without_ray() -> list[str]:
            return material.command(source, out, "--processes", str(PROCESSES))

        def on_ray() -> list[str]:
            assert nodes is not None
            return material.command(source, out, "--ray", nodes.address)

        def least() -> list[str]:
            return [sys.executable, "-m", "benchmarks.bulk.least", str(source), str(PROCESSES)]

        ours, theirs = (on_ray, without_ray) if nodes else (without_ray, least)
        for turn in range(turns):
            sides = [ours, theirs] if turn % 2 else [theirs, ours]
            took = {side: _took(side, out.with_name(f"out-{turn}-{side.__name__}"), out) for side in sides}
            yield took[ours], took[theirs]


def _took(make: Callable[[], list[str]], fresh: Path, out: Path) -> Took:
    command = [str(fresh) if word == str(out) else word for word in make()]
    os.sync()  # what the other one wrote is not written now
    started, before = time.monotonic(), _core_seconds()
    subprocess.run(command, cwd=material.ROOT, check=True, capture_output=True)
    return Took(time.monotonic() - started, _core_seconds() - before)


def _core_seconds() -> float:
    """Of all commands that have ended. What Ray's nodes do is not among it."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
