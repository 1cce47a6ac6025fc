"""Printed lines, and what a mask holds along a straight way."""

import math
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Mask

Point = tuple[float, float]  # x, y
Coordinates = NDArray[np.float64]

ALONG = np.linspace(0.1, 0.9, 40)[:, None]  # of a line: where its width is taken, but not at its ends
ASIDE = np.arange(-12, 13)  # pixels from its middle, within which all of its width lies


class Line(NamedTuple):
    start: Point
    end: Point
    width: float

    @property
    def flat(self) -> bool:
        """Whether it is nearer to level than to upright."""
        return abs(self.start[0] - self.end[0]) >= abs(self.start[1] - self.end[1])


def covered(mask: Mask, start: Point, end: Point) -> float:
    """Which part of the way from start to end lies on the mask."""
    steps = max(2, int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    return float(at(mask, np.linspace(start[0], end[0], steps), np.linspace(start[1], end[1], steps)).mean())


def width_of(mask: Mask, start: Point, end: Point) -> float:
    """The median amount of ink across a line, in pixels."""
    (x, y), (across, down) = start, np.subtract(end, start)
    aside = ASIDE / max(math.hypot(across, down), 1)
    ink = at(mask, x + ALONG * across - aside * down, y + ALONG * down + aside * across).sum(axis=1)
    return float(median(ink[ink > 0].tolist())) if ink.any() else 1.0  # numpy's takes ten times as long for so few


def at(mask: Mask, x: Coordinates, y: Coordinates) -> Mask:
    """What lies nearest to these points, of any shape."""
    height, width = mask.shape
    found: Mask = mask[np.rint(y).astype(int).clip(0, height - 1), np.rint(x).astype(int).clip(0, width - 1)]
    return found


def whole(point: Point) -> tuple[int, int]:
    """The pixel that it lies in, as OpenCV draws."""
    return round(point[0]), round(point[1])
