"""Components -> rows of those that stand beside each other, as the digits of one number do."""

import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import box_around
from app.imaging.components import Component
from app.imaging.picture import Picture, Stage

LEVEL = 0.6  # of the digits' height: by so much two may stand higher or lower and be of one row
APART = 1.6  # of the digits' height: so far apart two may stand

FIXED_SECONDS, PAIR_SECONDS = 0.1e-3, 0.4e-6


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


def in_reading_order(rows: list[list[Component]], height: float) -> list[list[Component]]:
    """From top to bottom, and of those on one level from left to right."""
    levels: list[tuple[float, list[list[Component]]]] = []
    for row in sorted(rows, key=_middle):
        if levels and _middle(row) - levels[-1][0] < LEVEL * height:
            levels[-1][1].append(row)
        else:
            levels.append((_middle(row), [row]))
    return [row for _, level in levels for row in sorted(level, key=lambda row: row[0].box.left)]


def _middle(row: list[Component]) -> float:
    box = box_around([component.box for component in row])
    return (box.top + box.bottom) / 2


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
    picture.rows = in_reading_order(rows_of(picture.components.found, picture.height), picture.height)


FIND_ROWS = Stage("putting parts in rows", _seconds, _run)
