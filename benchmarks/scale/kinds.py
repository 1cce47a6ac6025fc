"""What is asked, as it goes over the wire: pixels, small pictures, photos and photos of numbers."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.load import request
from app.tasks.digits import strokes
from benchmarks.servers import ROOT

SINGLE, BATCH, READ = "/v1/predict", "/v1/predict/batch", "/v1/read"
RAW = "application/octet-stream"
PIXELS, PIXELS_64, PNG, PHOTO, NUMBER = "pixels", "64 of pixels", "PNG", "photo", "number"
ROWS = 64
NUMBERS = ("2026", "1847", "5309", "6174")
PHOTO_SHAPE = (900, 1200)  # pixels
JPEG_QUALITY = 85


class Asked(NamedTuple):
    """One kind of request, in several wordings."""

    name: str
    wires: Sequence[bytes]
    images: int
    connections: int


def kinds() -> list[Asked]:
    return [
        Asked(PIXELS, [request(SINGLE, strokes.render(digit).tobytes(), RAW) for digit in range(10)], 1, 64),
        Asked(PIXELS_64, [frames(ROWS)], ROWS, 8),
        Asked(PNG, [request(SINGLE, one.read_bytes(), "image/png") for one in sorted(examples())], 1, 16),
        Asked(PHOTO, [request(SINGLE, photo(str(digit)), "image/jpeg") for digit in range(10)], 1, 4),
        Asked(NUMBER, [request(READ, photo(number), "image/jpeg") for number in NUMBERS], len(NUMBERS[0]), 4),
    ]


def examples() -> list[Path]:
    return [*(ROOT / "examples").glob("*.png")]


def frames(rows: int) -> bytes:
    """A batch of so many frames."""
    digits = np.stack([strokes.render(digit) for digit in range(10)])
    return request(BATCH, np.resize(digits, (rows, *digits.shape[1:])).tobytes(), RAW)


def photo(digits: str) -> bytes:
    """A JPEG of digits in pen on paper, in light that comes from one side, with a camera's grain."""
    random = np.random.default_rng(int(digits))
    height, width = PHOTO_SHAPE
    ink = _written(digits, height, width)
    light = np.linspace(random.uniform(0.6, 0.8), 1.0, width, dtype=np.float32)
    grey = 235 * light * (1 - 0.75 * ink) + random.normal(0, 3, ink.shape)
    file = io.BytesIO()
    colours = np.stack([grey, grey, grey * 0.96], axis=-1).clip(0, 255).astype(np.uint8)
    Image.fromarray(colours).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _written(digits: str, height: int, width: int) -> NDArray[np.float32]:
    """float32 [height, width], 1 where ink is."""
    size = min(height * 2 // 3, width * 9 // 10 // len(digits))
    line = np.hstack([strokes.render(int(digit), size=size) for digit in digits])
    ink = np.zeros((height, width), np.float32)
    top, left = (height - line.shape[0]) // 2, (width - line.shape[1]) // 2
    ink[top : top + line.shape[0], left : left + line.shape[1]] = line / np.float32(255)
    return ink
