"""What is sent: the project's own digits in an order that nothing repeats, so that an answer tells its place."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes

Frames = NDArray[np.uint8]


def order(images: int) -> NDArray[np.int64]:
    """Which digit stands at which place. Answers that are shifted or swapped disagree with most of it."""
    return np.random.default_rng(0).integers(0, len(strokes.DIGITS), images)


def digits() -> Frames:
    """The ten, uint8 [10, 28, 28]."""
    return np.stack([strokes.render(digit) for digit in strokes.DIGITS])


def frames(images: int) -> Iterator[Frames]:
    """One after the other, none held."""
    drawn = digits()
    return (drawn[digit] for digit in order(images))


def files(folder: Path, images: int) -> list[Path]:
    """As many PNG files of 28x28 pixels, black on white."""
    folder.mkdir(parents=True)
    drawn, paths = 255 - digits(), []
    for place, digit in enumerate(order(images)):
        paths.append(folder / f"{place:07}.png")
        Image.fromarray(drawn[digit]).save(paths[-1], compress_level=3)
    return paths
