"""Where a blob of ink may be two digits: ways through it from top to bottom that cross little ink."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.ink import Ink

GAP, MOST_INK = 0.08, 0.45  # of the digits' height: between seams at least, on a seam at most
CROSSED = 0.3, 0.5, 0.7  # of a blob's height: the rows in which seams are told apart
PIXEL, ASLANT = 0.004, 0.04  # what a step of a seam costs beside the ink on it
ROWS = 64  # to which a blob is shrunk while its seams are sought


class Seam(NamedTuple):
    columns: NDArray[np.float64]
    """One for each row, [H]."""
    ink: float
    """What lies on it, as a share of the digits' height."""


def find_seams(blob: Ink, height: float) -> list[Seam]:
    """Ways from top to bottom through little ink, from left to right: where a blob may be two digits.

    For each column of a few rows it is the best way that crosses the row there; of those that cross close by, the best
    is kept. One row is not enough: where strokes lean, ways that lie apart above may be the same below.
    """
    scale = min(1.0, ROWS / blob.shape[0])
    size = max(3, round(blob.shape[1] * scale)), max(3, round(blob.shape[0] * scale))
    small = cv2.resize(blob, size, interpolation=cv2.INTER_AREA)
    gap = max(1, round(GAP * height * scale))
    above, below = _Ways(small), _Ways(small[::-1])
    found: list[tuple[float, NDArray[np.intp]]] = []
    for share in CROSSED:
        row = round(share * (len(small) - 1))
        costs = above.costs[row] + below.costs[-1 - row] - small[row]
        around = np.lib.stride_tricks.sliding_window_view(np.pad(costs, gap, constant_values=np.inf), 2 * gap + 1)
        least = (costs <= around.min(axis=1)) & (costs < MOST_INK * len(small))
        for x in np.flatnonzero(least).tolist():
            if gap <= x < len(costs) - gap:
                way = np.concatenate([above.to(row, x), below.to(len(small) - 1 - row, x)[-2::-1]])
                found.append((float(costs[x]), way))
    chosen: list[tuple[float, NDArray[np.intp]]] = []
    for cost, way in sorted(found, key=lambda one: one[0]):
        if all(np.abs(way - other).mean() >= gap for _, other in chosen):
            chosen.append((cost, way))
    chosen.sort(key=lambda one: float(one[1].mean()))
    at = (np.arange(blob.shape[0]) + 0.5) * scale - 0.5
    return [Seam(np.interp(at, np.arange(len(small)), way) / scale, cost / (height * scale)) for cost, way in chosen]


class _Ways:
    """The best way from the first row of some ink to each of its pixels, straight down or one column aside."""

    def __init__(self, ink: Ink) -> None:
        rows, columns = ink.shape
        costs = np.full((rows, columns + 2), np.inf)
        steps = np.zeros((rows, columns), np.intp)
        costs[0, 1:-1] = ink[0] + PIXEL
        for y in range(1, rows):
            left, middle, right = costs[y - 1, :-2] + ASLANT, costs[y - 1, 1:-1], costs[y - 1, 2:] + ASLANT
            least = np.minimum(np.minimum(left, right), middle)
            steps[y] = np.where(least == middle, 0, np.where(least == left, -1, 1))
            costs[y, 1:-1] = least + ink[y] + PIXEL
        self.costs, self._steps = costs[:, 1:-1], steps

    def to(self, row: int, column: int) -> NDArray[np.intp]:
        """The columns of the way to a pixel, [row + 1]."""
        way = np.empty(row + 1, np.intp)
        for y in range(row, -1, -1):
            way[y] = column
            column += self._steps[y, column]
        return way
