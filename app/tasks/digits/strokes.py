"""The project's own ten digits: pen strokes kept as text (strokes.txt), drawn as frames like MNIST's."""

import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from math import comb
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

SOURCE = Path(__file__).with_suffix(".txt")
FRAME = 28
DIGITS = range(10)
BOX = 20  # MNIST's digits were fitted into 20x20 pixels,
MIDDLE = 14.5  # then shifted by whole pixels until their centre of mass lay in pixel 14, whose middle is 14.5
WIDTH = 2.8  # near the mean of MNIST's pens

_SAMPLES = 12  # chords a curve is cut into: at 280 pixels they are off by less than a tenth of a pixel
_DEGREE = {"L": 1, "Q": 2, "C": 3}


def render(digit: int, *, size: int = FRAME, width: float = WIDTH, slant: float = 0.0) -> NDArray[np.uint8]:
    """Draw one digit as MNIST would hold it: uint8 [size, size], 0 = background, 255 = ink, antialiased.

    `width` is the pen's, in 28ths of the frame whatever its size; `slant` is the shear, x for each y: 0.2
    leans to the right, -0.2 to the left.
    """
    unit = size / FRAME
    strokes = _fitted([_sheared(stroke, slant) for stroke in paths()[digit]], (BOX - width) * unit, size)
    ink = _coverage(strokes, size, width * unit)
    shift = np.rint(MIDDLE * unit - _centre_of_mass(ink)).astype(int)
    return np.rint(255 * np.roll(ink, shift[::-1], axis=(0, 1))).astype(np.uint8)


@cache
def paths() -> Mapping[int, tuple[Points, ...]]:
    """Each digit's strokes as polylines in the pen's order: float64 [points, 2], x and y (down) in 0..1."""
    digits: dict[int, tuple[Points, ...]] = {}
    for line in SOURCE.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            digit, path = int(line[0]), line[1:]
            digits[digit] = (*digits.get(digit, ()), flatten(path))
    return digits


def flatten(path: str) -> Points:
    """Turn one SVG path (absolute M, L, Q, C) into a polyline: float64 [points, 2]."""
    pieces: list[Points] = []
    for command, numbers in re.findall(r"([MLQC])([^MLQC]*)", path):
        points = np.array(numbers.split(), dtype=np.float64).reshape(-1, 2)
        if command == "M":
            pieces.append(points)
            continue
        for first in range(0, len(points), _DEGREE[command]):
            pieces.append(_bezier(np.vstack([pieces[-1][-1:], points[first : first + _DEGREE[command]]])))
    return np.concatenate(pieces)


def _bezier(control: Points) -> Points:
    """Bernstein's form for any degree: [degree + 1, 2] to [samples, 2], without the start."""
    degree = len(control) - 1
    power = np.arange(degree + 1)
    t = np.linspace(0, 1, _SAMPLES + 1)[1:, None]
    binomial = np.array([comb(degree, k) for k in power], dtype=np.float64)
    weights: Points = binomial * t**power * (1 - t) ** (degree - power)
    return weights @ control


def _sheared(stroke: Points, slant: float) -> Points:
    leaning: Points = stroke @ np.array([[1.0, 0.0], [-slant, 1.0]])
    return leaning


def _fitted(strokes: list[Points], extent: float, size: int) -> list[Points]:
    """Scale until the longer side measures `extent` pixels, and put the box's middle in the frame's."""
    corners = np.concatenate(strokes)
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = extent / (high - low).max()
    return [(stroke - (low + high) / 2) * scale + size / 2 for stroke in strokes]


def _coverage(strokes: list[Points], size: int, pen: float) -> Points:
    """Share of each pixel under a round pen: float64 [size, size], sloping over one pixel at its edge."""
    y, x = np.mgrid[:size, :size] + 0.5
    pixels = np.stack([x, y], axis=-1)
    reach = pen / 2 + 0.5
    distance = np.full((size, size), reach)
    for stroke in strokes:
        for chord in pairwise(stroke):
            near = _around(np.stack(chord), reach)
            distance[near] = np.minimum(distance[near], _distance(pixels[near], *chord))
    return np.clip(reach - distance, 0, 1)


def _around(points: Points, reach: float) -> tuple[slice, slice]:
    """The rows and columns of the box that the points and their surroundings lie in."""
    left, top = np.floor(points.min(axis=0) - reach).clip(0).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + reach).astype(int)
    return slice(top, bottom), slice(left, right)


def _distance(pixels: Points, start: Points, end: Points) -> Points:
    """Distance of every pixel [size, size, 2] to the chord from start to end."""
    along = end - start
    share = np.clip((pixels - start) @ along / (along @ along), 0, 1)
    return np.asarray(np.linalg.norm(pixels - start - share[..., None] * along, axis=-1))


def _centre_of_mass(coverage: Points) -> Points:
    """x and y in pixels, where the middle of the first pixel is 0.5."""
    at = np.arange(len(coverage)) + 0.5
    centre: Points = np.array([coverage.sum(axis=0) @ at, coverage.sum(axis=1) @ at]) / coverage.sum()
    return centre
