"""Where a blob of ink may be two digits: ways through it from top to bottom that cross little ink."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import Budget
from app.imaging.arrays import Ink

GAP, MOST_INK = 0.08, 0.45  # of the digits' height: between seams at least, on a seam at most
CROSSED = 0.3, 0.5, 0.7  # of a blob's height: the rows in which seams are told apart
PIXEL, ASLANT = 0.004, 0.04  # what a step of a seam costs beside the ink on it
ROWS = 64  # to which a blob is shrunk while its seams are sought
SMALLEST = 3  # rows and columns that are left of it
MIDDLE = 0.5  # of a pixel

SECONDS, COLUMN, WAY, COMPARED = 1.5e-3, 4e-6, 40e-6, 0.15e-6  # what that costs at most, on an ordinary server


class Seam(NamedTuple):
    columns: NDArray[np.float64]
    """One for each row, [H]."""
    ink: float
    """What lies on it, as a share of the digits' height."""


def find_seams(blob: Ink, height: float, budget: Budget) -> list[Seam]:
    """Ways from top to bottom through little ink, from left to right: where a blob may be two digits.

    Raises TooMuchWork.
    """
    scale = min(1.0, ROWS / blob.shape[0])
    size = max(SMALLEST, round(blob.shape[1] * scale)), max(SMALLEST, round(blob.shape[0] * scale))
    budget.charge(SECONDS + COLUMN * size[0], "looking for places where digits touch")
    small = cv2.resize(blob, size, interpolation=cv2.INTER_AREA)
    gap = max(1, round(GAP * height * scale))
    found, ways = _best_ways(small, gap)
    most = len(small[0]) // gap + 1  # ways that do not touch
    budget.charge(most * (WAY + COMPARED * len(found)), "choosing among the places where digits touch")
    chosen = _apart(found, ways, gap)
    at, rows = (np.arange(blob.shape[0]) + MIDDLE) * scale - MIDDLE, np.arange(len(small))
    return [Seam(np.interp(at, rows, ways[place]) / scale, float(found[place]) / (height * scale)) for place in chosen]


def _best_ways(ink: Ink, gap: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """What each costs, [N], and its columns, [N, H].

    For each column of a few rows it is the best way that crosses the row there; of those that cross close by, the best
    is kept. One row is not enough: where strokes lean, ways that lie apart above may be the same below.
    """
    above, below = _Ways(ink), _Ways(ink[::-1])
    costs_, ways_ = [], []
    for share in CROSSED:
        row = round(share * (len(ink) - 1))
        costs = above.costs[row] + below.costs[-1 - row] - ink[row]
        around = np.lib.stride_tricks.sliding_window_view(np.pad(costs, gap, constant_values=np.inf), 2 * gap + 1)
        least = (costs <= around.min(axis=1)) & (costs < MOST_INK * len(ink))
        crossed = np.flatnonzero(least[gap : len(costs) - gap]) + gap
        costs_.append(costs[crossed])
        ways_.append(np.hstack([above.to(row, crossed), below.to(len(ink) - 1 - row, crossed)[:, -2::-1]]))
    return np.concatenate(costs_), np.concatenate(ways_)


def _apart(costs: NDArray[np.float64], ways: NDArray[np.intp], gap: int) -> list[int]:
    """The cheapest that lie so far from each other on average, from left to right."""
    chosen: list[int] = []
    waiting = np.argsort(costs, kind="stable")
    while len(waiting):
        best = int(waiting[0])
        chosen.append(best)
        waiting = waiting[np.abs(ways[waiting] - ways[best]).mean(axis=1) >= gap]
    return sorted(chosen, key=lambda place: float(ways[place].mean()))


class _Ways:
    """The best way from the first row of some ink to each of its pixels, straight down or one column aside."""

    def __init__(self, ink: Ink) -> None:
        rows, columns = ink.shape
        costs = np.full((rows, columns + 2), np.inf)
        left, middle, right = costs[:, :-2], costs[:, 1:-1], costs[:, 2:]
        middle[0] = ink[0] + PIXEL
        for y in range(1, rows):
            least = np.minimum(left[y - 1], right[y - 1])
            least += ASLANT
            np.minimum(least, middle[y - 1], out=least)
            least += ink[y]
            np.add(least, PIXEL, out=middle[y])
        aside = np.where(left + ASLANT <= right + ASLANT, -1, 1)
        steps = np.where(middle <= np.minimum(left, right) + ASLANT, 0, aside)
        self.costs, self._steps = middle, np.concatenate([steps[:1], steps[:-1]])

    def to(self, row: int, columns: NDArray[np.intp]) -> NDArray[np.intp]:
        """The columns of the ways to some pixels of a row, [N, row + 1]."""
        ways = np.empty((len(columns), row + 1), np.intp)
        for y in range(row, -1, -1):
            ways[:, y] = columns
            columns = columns + self._steps[y, columns]
        return ways
