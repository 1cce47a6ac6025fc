"""What is scored, by which command, and what came of it."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from app.bulk import outputs
from app.tasks.digits import strokes

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"


def frames(path: Path, images: int) -> Path:
    """An .npy file of the project's own digits, each a little different."""
    digits = np.stack([strokes.render(digit) for digit in strokes.DIGITS])
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (images, *digits.shape[1:])}
        )
        for start in range(0, images, 10_000):
            some = digits[rng.integers(0, len(digits), min(10_000, images - start))]
            file.write((some - (some & rng.integers(0, 8, some.shape, np.uint8))).tobytes())
    return path


def pictures(folder: Path, images: int) -> Path:
    """A folder of PNG files of such frames."""
    folder.mkdir()
    for place, frame in enumerate(np.load(frames(folder.with_suffix(".npy"), images))):
        Image.fromarray(frame).save(folder / f"{place:07}.png", compress_level=3)
    return folder


def command(source: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "app", "score", str(source), "--out", str(out), "--models", str(MODELS), *options]


def start(source: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(command(source, out, *options), cwd=ROOT, stderr=subprocess.PIPE, text=True)


class Count(NamedTuple):
    lost: int
    twice: int


def count(source: Path, out: Path, images: int) -> Count:
    """Ids of an .npy file's images among all that is written, by reading every part."""
    found = Counter(one for part in sorted(out.glob("*-*.*")) for one in outputs.read(part).ids)
    expected = {f"{source}#{place}" for place in range(images)}
    return Count(len(expected - found.keys()), sum(found.values()) - len(found) + len(found.keys() - expected))
