"""Components -> rows of those that stand beside each other, as the digits of one number do."""

from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import Box, box_around
from app.imaging.components import Component
from app.imaging.picture import Picture, Stage

LEVEL = 0.6  # of the digits' height: by so much two may stand higher or lower and be of one row
APART = 1.6  # of the digits' height: so far apart two may stand
NEAREST = 0.3  # of the digits' height: so far to the right a digit's middle lies from that of the one before
STEEPEST = 0.2  # by which lines may fall or rise, a part of their length: 11 degrees
SLOPES = np.array(sorted(np.linspace(-STEEPEST, STEEPEST, 41), key=abs))  # that are tried, the flattest first
SINGLE = 1.3  # of the digits' height: no digit is wider
FARTHEST = 3.5  # of the digits' height: what stands farther from the next is not of its number, whatever the spacing
EVEN = 0.25  # of the usual distance: by so much distances between digits of one number differ
FEWEST = 3  # whose distances say something
PRINT = 0.5  # of the digits' height: a row of which nothing is higher is small print
UNEVEN = 0.45  # of the digits' height: by so much digits of one line stand higher or lower than it

FIXED_SECONDS, PAIR_SECONDS = 0.2e-3, 0.4e-6


def rows_of(components: list[Component], height: float) -> list[list[Component]]:
    """Those that stand no farther apart than digits of one number do, each row from left to right."""
    near = _beside(components, height)
    rows: list[list[int]] = []
    for place in range(len(components)):
        neighbours = set(np.flatnonzero(near[place, :place]).tolist())
        beside = [row for row in rows if not neighbours.isdisjoint(row)]
        if beside:
            rows = [row for row in rows if neighbours.isdisjoint(row)]
        rows.append([place, *(one for row in beside for one in row)])
    return [sorted((components[place] for place in row), key=lambda component: component.box.left) for row in rows]


def without_small_print(rows: list[list[Component]], height: float) -> list[list[Component]]:
    """Those that are as high as what most of the ink is; words in small print around them say what they are for."""
    return [row for row in rows if max(component.box.height for component in row) > PRINT * height]


def in_reading_order(rows: list[list[Component]], height: float) -> list[list[list[Component]]]:
    """By lines, from top to bottom, and of those on one line from left to right; lines may slope, all alike."""
    boxes = [box_around([component.box for component in row]) for row in rows]
    slope, followed = lines_through(boxes, height)
    lines: list[list[int]] = []
    for place in range(len(rows)):
        joined = [line for line in lines if followed[place, line].any() or followed[line, place].any()]
        lines = [line for line in lines if line not in joined]
        lines.append([place, *(one for line in joined for one in line)])
    middles = [(box.top + box.bottom) / 2 - slope * (box.left + box.right) / 2 for box in boxes]
    levels: list[tuple[float, list[int]]] = []
    for level, line in sorted((fmean(middles[place] for place in line), line) for line in lines):
        if levels and level - levels[-1][0] < LEVEL * height:
            levels[-1][1].extend(line)
        else:
            levels.append((level, line))
    return [[rows[place] for place in sorted(line, key=lambda place: boxes[place].left)] for _, line in levels]


def joined_if_even(line: list[list[Component]], height: float) -> list[list[Component]]:
    """Digits far apart are one number where they stand as far from each other all along, as in the cells of a form."""
    boxes = [box_around([component.box for component in row]) for row in line]
    if len(line) < FEWEST or max(box.width for box in boxes) > SINGLE * height:
        return line
    steps = np.diff([(box.left + box.right) / 2 for box in boxes])
    usual = float(np.median(steps))
    if usual > FARTHEST * height or np.abs(steps - usual).max() > EVEN * usual:
        return line
    return [[component for row in line for component in row]]


def lines_through(boxes: list[Box], height: float) -> tuple[float, NDArray[np.bool_]]:
    """By how much lines fall for each pixel to the right (0 where nothing stands beside another), and which box follows
    which on one, [N, N]: of each box the next one to its right, where most agree on such a slope.
    """
    left, top, right, bottom = np.array(boxes, np.float64).reshape(-1, 4).T
    across, down = (left + right) / 2, (top + bottom) / 2
    ahead, lower = np.subtract.outer(across, across).T, np.subtract.outer(down, down).T
    gaps = np.where((ahead > NEAREST * height) & (np.abs(lower) < STEEPEST * ahead + UNEVEN * height), ahead, np.inf)
    followed = np.zeros(gaps.shape, np.bool_)
    having = np.flatnonzero(np.isfinite(gaps).any(axis=1))
    if not len(having):
        return 0.0, followed
    following = gaps.argmin(axis=1)[having]
    steps, falls = ahead[having, following], lower[having, following]
    agree = np.abs(falls - SLOPES[:, None] * steps) < UNEVEN * height
    most = agree[agree.sum(axis=1).argmax()]  # of slopes that as many agree with, the flattest
    followed[having[most], following[most]] = True
    return float(np.clip(falls[most].sum() / steps[most].sum(), -STEEPEST, STEEPEST)) if most.any() else 0.0, followed


def _beside(components: list[Component], height: float) -> NDArray[np.bool_]:
    """Whether each two of them may belong to one number, [N, N]."""
    left, top, right, bottom = np.array([component.box for component in components]).reshape(-1, 4).T
    apart = np.abs(np.subtract.outer(top + bottom, top + bottom)) / 2
    gap = np.subtract.outer(left, right)
    level = apart < LEVEL * np.maximum.outer(bottom - top, bottom - top)
    beside: NDArray[np.bool_] = level & (np.maximum(gap, gap.T) < APART * height)
    return beside


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PAIR_SECONDS * len(picture.components.names) ** 2


def _run(picture: Picture) -> None:
    height = picture.height
    rows = without_small_print(rows_of(picture.components.found, height), height)
    lines = in_reading_order(rows, height)
    lines = [joined_if_even(line, height) for line in lines]
    picture.rows = [row for line in lines for row in line]
    picture.levels = [level for level, line in enumerate(lines) for _ in line]


FIND_ROWS = Stage("putting parts in rows", _seconds, _run)
