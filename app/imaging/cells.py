"""Printed boxes with something inside, as forms have them: their four sides, and what divides them into cells."""

import math
from collections.abc import Iterator

import cv2
import numpy as np

from app.budget import Budget
from app.imaging.arrays import Mask, Outline, window
from app.imaging.lines import Line, Point, at, covered, width_of

ROUGH = 0.05  # of its circumference: a corner is what stands out by more
ANGULAR = 0.85  # of what a box encloses lies within its four corners; of an oval less
HOLLOW = 0.6  # a box is at most so far filled
NEAR = 3  # pixels: so far around ink a side counts as lying on it
AT_BORDER = 2  # pixels from a border of the picture, which may cut a box
UNBROKEN = 0.75  # of a side must lie on ink
BORDER = 0.12  # of the root of what is enclosed: so wide a border is not inside
CONTENT = 0.12  # of a box's own ink: what must lie inside for it to be one
DIVIDING = 0.95  # of a divider must lie on ink
LEANING = np.arange(-4, 5, 2)  # by how many pixels it may lean
ACROSS = np.linspace(0, 1, 60)  # of its way, where that is looked at
APART = 4  # pixels on each side of a divider, in which there is no other

BOX = 1e-3  # seconds
DIVIDER = 15e-6  # seconds for each pixel of a box's side


def corners_of(outline: Outline) -> Outline | None:
    """Four, [4, 2], where the outline is about a box's."""
    if len(outline) < 4:
        return None
    hull = cv2.convexHull(outline)
    corners: Outline = cv2.approxPolyDP(hull, ROUGH * cv2.arcLength(hull, True), True)[:, 0]
    is_box = len(corners) == 4 and cv2.contourArea(corners) >= ANGULAR * cv2.contourArea(hull)
    return corners if is_box else None


def lines_of_box(component: Mask, corners: Outline, mask: Mask, budget: Budget) -> list[Line]:
    """The sides and dividers of one connected component of a mask, if it is the border of a box with something inside.

    Raises TooMuchWork.
    """
    budget.charge(BOX, "looking for boxes")
    area, enclosed = cv2.countNonZero(component), cv2.contourArea(corners)
    if area > HOLLOW * enclosed:
        return []
    points: list[Point] = [(float(x), float(y)) for x, y in corners]
    sides = list(zip(points, points[1:] + points[:1], strict=True))
    near = cv2.dilate(component, window(NEAR))
    seen = [side for side in sides if not _on_border(*side, component.shape)]
    if len(seen) < 2 or min(covered(near, *side) for side in seen) < UNBROKEN:
        return []
    inside = np.zeros_like(component)
    cv2.fillConvexPoly(inside, corners.astype(np.int32), 1)
    cv2.polylines(inside, [corners.astype(np.int32)], True, 0, round(BORDER * math.sqrt(enclosed)) | 1)
    if cv2.countNonZero(mask & inside) < CONTENT * area:
        return []
    width = float(np.median([width_of(component, *side) for side in seen]))
    a, b, c, d = points
    budget.charge(DIVIDER * (math.dist(a, b) + math.dist(b, c)), "looking for cells of boxes")
    dividers = [*_dividers(near, a, b, c, d), *_dividers(near, b, c, d, a)]
    return [Line(start, end, width) for start, end in [*seen, *dividers]]


def _dividers(near: Mask, a: Point, b: Point, c: Point, d: Point) -> Iterator[tuple[Point, Point]]:
    """What divides the box a, b, c, d into cells: lines from its side a-b to its side d-c."""
    first, last = (np.linspace(*side, round(math.dist(*side)) + 1) for side in ((a, b), (d, c)))
    first_at = np.arange(APART + 1, len(first) - APART)
    last_at = np.rint(first_at * len(last) / len(first)).astype(int)[:, None] + LEANING
    ends = last[last_at.clip(0, len(last) - 1)]  # [N, leaning, x and y]
    starts = first[first_at][:, None]
    x, y = (starts[..., axis, None] + ACROSS * (ends[..., axis] - starts[..., axis])[..., None] for axis in (0, 1))
    on_ink = at(near, x, y).mean(axis=2)
    free = 0
    for place in np.flatnonzero(on_ink.max(axis=1) >= DIVIDING).tolist():
        if place >= free:
            yield tuple(starts[place, 0].tolist()), tuple(ends[place, on_ink[place].argmax()].tolist())
            free = place + 2 * APART + 1


def _on_border(start: Point, end: Point, shape: tuple[int, ...]) -> bool:
    """Whether both points lie on the same border of the picture."""
    (x1, y1), (x2, y2) = start, end
    right, bottom = shape[1] - 1 - AT_BORDER, shape[0] - 1 - AT_BORDER
    return max(x1, x2) <= AT_BORDER or max(y1, y2) <= AT_BORDER or min(x1, x2) >= right or min(y1, y2) >= bottom
