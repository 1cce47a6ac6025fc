"""Printed lines that end inside a picture, such as the one that an amount is written on, solid or dotted.

Such a line has ink in one column after another: vertical runs that are all as long, whose middles lie on one straight
line, and for much farther than any handwritten stroke's do.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import Budget
from app.imaging.arrays import Mask
from app.imaging.components import components_of
from app.imaging.height import usual_height
from app.imaging.lines import Line, Point, at, covered
from app.imaging.picture import Picture, Stage, by_area
from app.imaging.removal import remove_lines

STEEPEST = 0.12  # by which a line may fall or rise, a part of its length: 7 degrees
SLOPES = np.array(sorted(np.linspace(-STEEPEST, STEEPEST, 49), key=abs))  # that are tried, the flattest first
BAND = 3  # pixels: middles of runs are counted in two such bands at a time
TOLERANCES = 5.0, 3.0, 1.5  # pixels from a line, that middles of its runs lie at most: ever nearer, as it is laid anew
THINNEST = 30  # times its width is a line's length at least; strokes are not so thin
UNEVEN = 0.34  # of its width, and a pixel in any case: by so much a run may be longer or shorter
STRAIGHT = 0.55  # pixels: the standard deviation of middles from a line, at most; a pen's are twice as far off
GAP = 0.04  # of the picture's width: so far a line may be missing
COVERED = 0.85  # of a line's way must lie on ink, be it pale
EVEN = 0.25  # of its way at least nothing crosses it, and it is as wide as everywhere
AT_END = 0.15  # of how far two lines lie apart: so far from above each other their ends may be, for sides of a box
ASIDE = 3  # pixels: so far outside or inside of their ends these may stand
SIDES = 0.75  # of a side must lie on ink
LONGER = 1.8  # times as long as what is written is high
PALE = 0.5  # of the least ink: enough where a line goes on
MOST_LINES = 6
MOST_RUNS = 20  # for each column; more are grain

FIXED_SECONDS, PIXEL_SECONDS = 0.1e-3, 10e-9
LINE, RUN, LINE_PIXEL = 1.5e-3, 1e-6, 12e-9  # seconds for one line: for a run of ink, and for a pixel of the picture
SIDE, SIDE_PIXEL = 1.5e-3, 2e-6  # seconds for what may be a side of a box, and for a pixel of its way
NAME = "looking for level lines"


class Runs(NamedTuple):
    """Vertical runs of ink, by columns."""

    x: NDArray[np.intp]
    y: NDArray[np.float64]
    """Their middles."""
    long: NDArray[np.intp]
    """In pixels."""

    def only(self, wanted: NDArray[np.bool_]) -> "Runs":
        return Runs(self.x[wanted], self.y[wanted], self.long[wanted])

    def near(self, slope: float, start: float, tolerance: float) -> "Runs":
        """Those whose middles lie on a line, or so near."""
        return self.only(np.abs(self.y - start - slope * self.x) <= tolerance)


def level_lines(mask: Mask, pale: Mask, budget: Budget) -> list[Line]:
    """Lines that are much longer than what is written is high, the clearest first; `pale` is where less ink lies, too.

    Raises TooMuchWork.
    """
    lines: list[Line] = []
    runs = runs_of(mask, MOST_RUNS * mask.shape[1])
    runs = runs.only(runs.long <= mask.shape[1] / THINNEST)
    while len(runs.x) and len(lines) < MOST_LINES:
        budget.charge(LINE + RUN * len(runs.x) + LINE_PIXEL * mask.size, NAME)
        line = _clearest(runs, pale)
        if line is None or not _is_longer(line, mask):
            break
        lines.append(line)
        (left, start), (right, end) = line.start, line.end
        off = np.abs(runs.y - np.interp(runs.x, (left, right), (start, end)))
        runs = runs.only(off > line.width + 1)
    return lines


def runs_of(mask: Mask, most: int) -> Runs:
    """All of them, from left to right; none where there are more than `most`."""
    bare = cv2.copyMakeBorder(mask, 1, 1, 0, 0, cv2.BORDER_CONSTANT)
    begins, ends = cv2.subtract(bare[1:], bare[:-1]), cv2.subtract(bare[:-1], bare[1:])
    if not 0 < cv2.countNonZero(begins) <= most:
        return Runs(np.empty(0, np.intp), np.empty(0), np.empty(0, np.intp))
    x, top = _by_columns(begins)
    long = _by_columns(ends)[1] - top
    return Runs(x, top + (long - 1) / 2, long)


def _by_columns(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """x and y of what is in it, from left to right, and of one column from top to bottom."""
    y, x = np.divmod(np.flatnonzero(mask.view(np.bool_)), mask.shape[1])
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def sides_between(lines: list[Line], pale: Mask, budget: Budget) -> Iterator[Line]:
    """What stands upright between both ends of two of these lines, where they are the rest of a box.

    Raises TooMuchWork.
    """
    for one, other in combinations(lines, 2):
        ends = list(zip(one[:2], other[:2], strict=True))
        apart = min(abs(start[1] - end[1]) for start, end in ends)
        if all(abs(start[0] - end[0]) <= AT_END * apart for start, end in ends):
            budget.charge(len(ends) * (SIDE + SIDE_PIXEL * apart), "looking for sides of boxes")
            sides = [_side(*both, one.width, pale) for both in ends]
            found = [side for side in sides if side is not None]
            if len(found) == len(sides):
                yield from found


def _side(start: Point, end: Point, width: float, pale: Mask) -> Line | None:
    """From the end of one line to that of another."""
    ways = [
        ((start[0] + aside, start[1]), (end[0] + below, end[1]))
        for aside in range(-ASIDE, ASIDE + 1)
        for below in range(-ASIDE, ASIDE + 1)
    ]
    best = max(ways, key=lambda way: covered(pale, *way))
    return Line(*best, width) if covered(pale, *best) >= SIDES else None


def _clearest(runs: Runs, pale: Mask) -> Line | None:
    """The line on which the most runs have their middles, where it is thin, even and unbroken enough to be printed."""
    slope, start = _guess(runs, pale.shape)
    for tolerance in TOLERANCES:
        own = runs.near(slope, start, tolerance)
        if not len(own.x) or np.ptp(own.x) < THINNEST:
            return None
        slope, start = np.polyfit(own.x, own.y, 1).tolist()
    width = float(np.median(own.long))
    own = runs.near(slope, start, TOLERANCES[-1])
    own = own.only(np.abs(own.long - width) <= max(1, UNEVEN * width))
    if not len(own.x):
        return None
    way = np.arange(pale.shape[1], dtype=np.float64)
    inked = np.any([at(pale, way, slope * way + (start + aside)) for aside in (-1, 0, 1)], axis=0)
    left, right = _longest(np.union1d(np.flatnonzero(inked), own.x), own.x, GAP * len(way))
    own, long = own.only((own.x >= left) & (own.x <= right)), right - left + 1
    is_unbroken = inked[left : right + 1].mean() >= COVERED and len(np.unique(own.x)) >= EVEN * long
    is_straight = long >= THINNEST * width and np.std(own.y - start - slope * own.x) <= STRAIGHT
    is_printed = is_unbroken and is_straight
    return Line((left, start + slope * left), (right, start + slope * right), width) if is_printed else None


def _guess(runs: Runs, shape: tuple[int, ...]) -> tuple[float, float]:
    """The slope of the band in which the most runs have their middles, and how high it begins."""
    best = 0, 0.0, 0.0
    lowest = -STEEPEST * shape[1]
    for slope in SLOPES.tolist():
        counts = np.bincount(((runs.y - slope * runs.x - lowest) / BAND).astype(np.intp), minlength=2)
        counts = counts[1:] + counts[:-1]
        band = int(counts.argmax())
        best = max(best, (int(counts[band]), slope, (band + 1) * BAND + lowest), key=lambda one: one[0])
    return best[1:]


def _longest(inked: NDArray[np.intp], own: NDArray[np.intp], gap: float) -> tuple[int, int]:
    """Where the stretch of a line that holds the most of its own columns begins and ends; no gap in it is wider."""
    stretches = np.split(inked, np.flatnonzero(np.diff(inked) > gap) + 1)
    held = [own[(own >= stretch[0]) & (own <= stretch[-1])] for stretch in stretches]
    longest = max(held, key=len)
    return int(longest.min()), int(longest.max())


def _is_longer(line: Line, mask: Mask) -> bool:
    """Than what is written besides it is high, by far."""
    written = components_of(remove_lines(mask, [line]))
    return bool(len(written.names)) and line.end[0] - line.start[0] >= LONGER * usual_height(written)


def _run(picture: Picture) -> None:
    """Raises TooMuchWork."""
    pale = (picture.ink > PALE * picture.separated.least).astype(np.uint8)
    mask = remove_lines(picture.separated.mask, picture.lines)
    level = level_lines(mask, pale, picture.budget)
    picture.lines = [*picture.lines, *level, *sides_between(level, pale, picture.budget)]


FIND_LEVEL_LINES = Stage(NAME, by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
