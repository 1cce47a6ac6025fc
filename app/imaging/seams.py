"""Where blobs of ink may be two digits: ways through them from top to bottom that cross little ink.

Blobs are looked at together, side by side: a row of pixels of all of them takes NumPy as long as one of one.
"""

from collections.abc import Iterator, Sequence
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
TOGETHER = 2_048  # columns of blobs that are looked at at once: those of a long number, and a few megabytes

SECONDS, COLUMN, WAY, COMPARED = 1.5e-3, 4e-6, 40e-6, 0.15e-6  # what one blob costs at most, on an ordinary server


class Seam(NamedTuple):
    columns: NDArray[np.float64]
    """One for each row, [H]."""
    ink: float
    """What lies on it, as a share of the digits' height."""


class Shrunk(NamedTuple):
    """A blob, few rows high."""

    ink: Ink
    scale: float
    gap: int
    """Between its seams."""
    rows: int
    """Of the blob."""


class Crossing(NamedTuple):
    """The best ways through a blob that cross one of its rows, and no neighbour's is better there."""

    row: int
    columns: NDArray[np.intp]
    costs: NDArray[np.float64]


def find_seams(blobs: Sequence[Ink], height: float, budget: Budget) -> Iterator[list[Seam]]:
    """Of each blob, ways from top to bottom through little ink, from left to right: where it may be two digits.

    Raises TooMuchWork.
    """
    for together in _together([_shrunk(blob, height, budget) for blob in blobs]):
        for blob, (costs, ways) in zip(together, _best_ways(together), strict=True):
            most = blob.ink.shape[1] // blob.gap + 1  # ways that do not touch
            budget.charge(most * (WAY + COMPARED * len(costs)), "choosing among the places where digits touch")
            at, rows = (np.arange(blob.rows) + MIDDLE) * blob.scale - MIDDLE, np.arange(len(blob.ink))
            yield [
                Seam(np.interp(at, rows, ways[place]) / blob.scale, float(costs[place]) / (height * blob.scale))
                for place in _apart(costs, ways, blob.gap)
            ]


def _shrunk(blob: Ink, height: float, budget: Budget) -> Shrunk:
    scale = min(1.0, ROWS / blob.shape[0])
    size = max(SMALLEST, round(blob.shape[1] * scale)), max(SMALLEST, round(blob.shape[0] * scale))
    budget.charge(SECONDS + COLUMN * size[0], "looking for places where digits touch")
    small: Ink = cv2.resize(blob, size, interpolation=cv2.INTER_AREA)
    return Shrunk(small, scale, max(1, round(GAP * height * scale)), len(blob))


def _together(blobs: list[Shrunk]) -> Iterator[list[Shrunk]]:
    """As many at a time as have so many columns."""
    some: list[Shrunk] = []
    for blob in blobs:
        if some and sum(one.ink.shape[1] for one in some) + blob.ink.shape[1] > TOGETHER:
            yield some
            some = []
        some.append(blob)
    if some:
        yield some


def _best_ways(blobs: list[Shrunk]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Of each blob, what its ways cost, [N], and their columns, [N, H].

    For each column of a few rows it is the best way that crosses the row there; of those that cross close by, the best
    is kept. One row is not enough: where strokes lean, ways that lie apart above may be the same below.
    """
    inks = [blob.ink for blob in blobs]
    above, below = _Ways(inks), _Ways([ink[::-1] for ink in inks])
    crossings = [_crossings(blob, above.costs(place), below.costs(place)) for place, blob in enumerate(blobs)]
    crossed = [(place, one.row, one.columns) for place, some in enumerate(crossings) for one in some]
    down = above.to(crossed)
    up = below.to([(place, len(inks[place]) - 1 - row, columns) for place, row, columns in crossed])
    for some in crossings:
        ways = [np.hstack([next(down), next(up)[:, -2::-1]]) for _ in some]
        yield np.concatenate([one.costs for one in some]), np.concatenate(ways)


def _crossings(blob: Shrunk, above: NDArray[np.float64], below: NDArray[np.float64]) -> list[Crossing]:
    """By what it costs to come to each of the blob's pixels from above, and from below, where rows are counted from."""
    crossings, gap, ink = [], blob.gap, blob.ink
    for share in CROSSED:
        row = round(share * (len(ink) - 1))
        costs = above[row] + below[-1 - row] - ink[row]
        around = np.lib.stride_tricks.sliding_window_view(np.pad(costs, gap, constant_values=np.inf), 2 * gap + 1)
        least = (costs <= around.min(axis=1)) & (costs < MOST_INK * len(ink))
        columns = np.flatnonzero(least[gap : len(costs) - gap]) + gap
        crossings.append(Crossing(row, columns, costs[columns]))
    return crossings


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
    """The best way from the first row of each blob to each of its pixels, straight down or one column aside."""

    def __init__(self, inks: list[Ink]) -> None:
        self._shapes = [ink.shape for ink in inks]
        # A column that no way can cross parts each blob from the next.
        self._left = np.cumsum([1, *(ink.shape[1] + 1 for ink in inks)]).tolist()
        laid = np.full((max(map(len, inks)), self._left[-1]), np.inf, np.float32)
        for ink, left in zip(inks, self._left, strict=False):
            laid[: len(ink), left : left + ink.shape[1]] = ink
        self._costs = np.full(laid.shape, np.inf)
        left, middle, right = self._costs[:, :-2], self._costs[:, 1:-1], self._costs[:, 2:]
        middle[0] = laid[0, 1:-1] + PIXEL
        for y in range(1, len(laid)):
            least = np.minimum(left[y - 1], right[y - 1])
            least += ASLANT
            np.minimum(least, middle[y - 1], out=least)
            least += laid[y, 1:-1]
            np.add(least, PIXEL, out=middle[y])
        aside = np.where(left + ASLANT <= right + ASLANT, -1, 1)
        self._steps = np.zeros(laid.shape, np.intp)
        """Aside, from each pixel to the one before, which is in the row above."""
        self._steps[1:, 1:-1] = np.where(middle <= np.minimum(left, right) + ASLANT, 0, aside)[:-1]

    def costs(self, blob: int) -> NDArray[np.float64]:
        """Of the ways to each of a blob's pixels, [H, W]."""
        rows, columns = self._shapes[blob]
        return self._costs[:rows, self._left[blob] : self._left[blob] + columns]

    def to(self, pixels: list[tuple[int, int, NDArray[np.intp]]]) -> Iterator[NDArray[np.intp]]:
        """The columns of the ways to some pixels: for each blob, row and columns in it, [N, row + 1]."""
        counts = [len(columns) for _, _, columns in pixels]
        rows = np.repeat([row for _, row, _ in pixels], counts)
        at = np.concatenate([columns + self._left[blob] for blob, _, columns in pixels])
        ways = np.empty((len(at), 1 + max(row for _, row, _ in pixels)), np.intp)
        for y in range(ways.shape[1] - 1, -1, -1):
            ways[:, y] = at
            at = at + np.where(y <= rows, self._steps[y, at], 0)
        for (blob, row, _), own in zip(pixels, np.split(ways, np.cumsum(counts)[:-1]), strict=True):
            yield own[:, : row + 1] - self._left[blob]
