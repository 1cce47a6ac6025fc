"""Printed lines (ruled and squared paper, the borders of boxes) found in a mask of ink, and taken out of it."""

import math
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import Budget
from app.imaging.ink import Mask
from app.imaging.parts import Parts, components, has_few

Point = tuple[float, float]  # x, y
Coordinates = NDArray[np.float64]
Outline = NDArray[np.int32]  # [N, 1, 2] or [N, 2], x and y

SMALLEST_PICTURE = 60  # pixels a side of a picture in which lines are looked for
BROKEN = 5  # pixels: a gap that is closed, for thin lines come in pieces
LONG = 0.35  # of the shorter side: a stretch of ink that may be part of a line
UNBROKEN = 0.75  # of a line's way must lie on ink
THIN = 0.04  # of a line's length: its width; strokes are not so thin
THICKEST = 0.08  # of the shorter side
MOST_STRETCHES = 60
MOST_PARTS = 60  # that are looked at, each of which costs some milliseconds in a large picture
HOLLOW = 0.6  # a box is at most so far filled
ANGULAR = 0.85  # of what a box encloses lies within its four corners; of an oval less
DIVIDING, LEANING = 0.95, np.arange(-4, 5, 2)  # of a divider must lie on ink; by how many pixels it may lean
CONTENT = 0.12  # of a box's own ink: what must lie inside for it to be one
SLACK = 4  # pixels that a line may be off, both sides together

# What it costs, in seconds: upper bounds, measured on an ordinary server.
OUTLINE, OUTLINE_POINT = 20e-6, 0.3e-6
PART_PIXEL = 3e-9  # of the picture
HOUGH_PIXEL = 2e-6  # of the part
STRETCH = 200e-6
BOX = 1e-3
DIVIDER = 15e-6  # for each pixel of a box's side
REMAINDER, REMAINDER_PIXEL = 25e-6, 10e-9


class Line(NamedTuple):
    start: Point
    end: Point
    width: float

    @property
    def flat(self) -> bool:
        return abs(self.start[0] - self.end[0]) >= abs(self.start[1] - self.end[1])


def find_lines(mask: Mask, budget: Budget) -> list[Line]:
    """Straight lines that cross the whole picture, and the four sides of boxes that have something inside.

    Raises TooMuchWork.
    """
    if min(mask.shape) < SMALLEST_PICTURE:
        return []
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((BROKEN, BROKEN), np.uint8))
    large = _large_outlines(mask)
    budget.charge(OUTLINE * len(large) + OUTLINE_POINT * sum(map(len, large)), "looking for printed lines")
    likely = [outline for outline in large if _reaches_far(outline, mask.shape) or _corners(outline) is not None]
    if not likely:
        return []
    labels, _ = components(mask)
    lines: list[Line] = []
    for outline in sorted(likely, key=cv2.contourArea, reverse=True)[:MOST_PARTS]:
        budget.charge(PART_PIXEL * mask.size, "looking for printed lines")
        x, y = outline[0, 0]
        part = (labels == labels[y, x]).astype(np.uint8)
        if _reaches_far(outline, mask.shape):
            lines += _crossing(part, budget)
        if (corners := _corners(outline)) is not None:
            lines += _box(part, corners, mask, budget)
    return lines


def _large_outlines(mask: Mask) -> list[Outline]:
    least = LONG / 3 * min(mask.shape)
    if not has_few(mask):
        labels, stats = components(mask)
        large = stats[:, 2:4].max(axis=1) >= least
        large[0] = False  # the background
        mask = large.astype(np.uint8)[labels]
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [outline for outline in outlines if max(cv2.boundingRect(outline)[2:]) >= least]


def _reaches_far(outline: Outline, shape: tuple[int, ...]) -> bool:
    """From one border of the picture to another."""
    height, width = shape
    x, y, w, h = cv2.boundingRect(outline)
    sides = (x <= 1) + (y <= 1) + (x + w >= width - 1) + (y + h >= height - 1)
    return bool(sides >= 2)


def _corners(outline: Outline) -> Outline | None:
    """Four, [4, 2], where the outline is about a box's."""
    if len(outline) < 4:
        return None
    hull = cv2.convexHull(outline)
    corners: Outline = cv2.approxPolyDP(hull, 0.05 * cv2.arcLength(hull, True), True)[:, 0]
    is_box = len(corners) == 4 and cv2.contourArea(corners) >= ANGULAR * cv2.contourArea(hull)
    return corners if is_box else None


def remove_lines(mask: Mask, lines: list[Line]) -> Mask:
    """The mask without these lines; strokes that cross them are bridged."""
    left = mask
    for flat in (True, False):
        chosen = [line for line in lines if line.flat == flat]
        if not chosen:
            continue
        band = np.zeros_like(left)
        for line in chosen:
            cv2.line(band, _whole(line.start), _whole(line.end), 1, round(line.width + SLACK))
        rest = left & (1 - band)
        reach = round(max(line.width for line in chosen)) + 2 * SLACK
        across = np.ones((reach, 1) if flat else (1, reach), np.uint8)
        padded = cv2.copyMakeBorder(rest, *(reach,) * 4, cv2.BORDER_CONSTANT)
        bridged = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, across)[reach:-reach, reach:-reach]
        left = rest | (bridged & band & left)
    return left


def without_remains(parts: Parts, budget: Budget) -> Parts:
    """Without what is long, straight and thin and ends at the picture's border: part of a line that fades away.

    Raises TooMuchWork.
    """
    _, _, width, height, area = parts.stats.T
    length = np.hypot(width, height)
    suspects = np.flatnonzero((parts.borders > 0) & (area <= THIN * length**2))
    pixels = int((width[suspects] * height[suspects]).sum(dtype=np.int64))
    budget.charge(REMAINDER * len(suspects) + REMAINDER_PIXEL * pixels, f"looking at {len(suspects):,} thin parts")
    remains = [place for place in suspects.tolist() if _is_remainder(parts, place, float(length[place]))]
    return parts.only(np.delete(np.arange(len(length)), remains)) if remains else parts


def _is_remainder(parts: Parts, place: int, length: float) -> bool:
    x, y, width, height, _ = parts.stats[place].tolist()
    points = np.argwhere(parts.labels[y : y + height, x : x + width] == parts.names[place])
    return bool(min(cv2.minAreaRect(points.astype(np.float32))[1]) < THIN * length)


def _crossing(part: Mask, budget: Budget) -> Iterator[Line]:
    """Lines from border to border of the picture in one connected part of the ink."""
    shorter = min(part.shape)
    budget.charge(HOUGH_PIXEL * cv2.countNonZero(part), "looking for straight lines")
    stretches = cv2.HoughLinesP(
        part, 1, math.pi / 360, round(0.7 * LONG * shorter), minLineLength=LONG * shorter, maxLineGap=0.04 * shorter
    )
    if stretches is None:
        return
    near = cv2.dilate(part, np.ones((5, 5), np.uint8))
    taken = np.zeros_like(part)
    stretches = stretches.reshape(-1, 4)
    budget.charge(STRETCH * min(len(stretches), MOST_STRETCHES), "looking along straight lines")
    lengths = np.hypot(stretches[:, 0] - stretches[:, 2], stretches[:, 1] - stretches[:, 3])
    for x1, y1, x2, y2 in stretches[np.argsort(-lengths)][:MOST_STRETCHES].tolist():
        if _covered(taken, (x1, y1), (x2, y2)) > 0.5:
            continue
        start, end = _extended((x1, y1), (x2, y2), part.shape)
        if math.dist(start, end) < 0.5 * shorter or _covered(near, start, end) < UNBROKEN:
            continue
        width = _width(part, start, end)
        if width <= THICKEST * shorter:
            cv2.line(taken, _whole(start), _whole(end), 1, round(width) + SLACK)
            yield Line(start, end, width)


def _box(part: Mask, corners: Outline, mask: Mask, budget: Budget) -> list[Line]:
    """The sides of one connected part, if it is the border of a box with something inside."""
    budget.charge(BOX, "looking for boxes")
    area, enclosed = cv2.countNonZero(part), cv2.contourArea(corners)
    if area > HOLLOW * enclosed:
        return []
    points: list[Point] = [(float(x), float(y)) for x, y in corners]
    sides = list(zip(points, points[1:] + points[:1], strict=True))
    near = cv2.dilate(part, np.ones((3, 3), np.uint8))
    seen = [side for side in sides if not _on_border(*side, part.shape)]  # a border of the picture may cut a box
    if len(seen) < 2 or min(_covered(near, *side) for side in seen) < UNBROKEN:
        return []
    inside = np.zeros_like(part)
    cv2.fillConvexPoly(inside, corners.astype(np.int32), 1)
    cv2.polylines(inside, [corners.astype(np.int32)], True, 0, round(0.12 * math.sqrt(enclosed)) | 1)
    if cv2.countNonZero(mask & inside) < CONTENT * area:
        return []
    width = float(np.median([_width(part, *side) for side in seen]))
    a, b, c, d = points
    budget.charge(DIVIDER * (math.dist(a, b) + math.dist(b, c)), "looking for cells of boxes")
    dividers = [*_dividers(near, a, b, c, d), *_dividers(near, b, c, d, a)]
    return [Line(start, end, width) for start, end in [*seen, *dividers]]


def _dividers(near: Mask, a: Point, b: Point, c: Point, d: Point) -> Iterator[tuple[Point, Point]]:
    """What divides the box a, b, c, d into cells: lines from its side a-b to its side d-c."""
    first, last = (np.linspace(*side, round(math.dist(*side)) + 1) for side in ((a, b), (d, c)))
    first_at = np.arange(SLACK + 1, len(first) - SLACK)
    last_at = np.rint(first_at * len(last) / len(first)).astype(int)[:, None] + LEANING
    ends = last[last_at.clip(0, len(last) - 1)]  # [N, leaning, x and y]
    starts = first[first_at][:, None]
    across = np.linspace(0, 1, 60)
    x, y = (starts[..., axis, None] + across * (ends[..., axis] - starts[..., axis])[..., None] for axis in (0, 1))
    covered = _at(near, x, y).mean(axis=2)
    free = 0
    for place in np.flatnonzero(covered.max(axis=1) >= DIVIDING).tolist():
        if place >= free:
            yield tuple(starts[place, 0].tolist()), tuple(ends[place, covered[place].argmax()].tolist())
            free = place + 2 * SLACK + 1


def _extended(start: Point, end: Point, shape: tuple[int, ...]) -> tuple[Point, Point]:
    """The straight line through two points, from border to border of the picture."""
    least, most = -math.inf, math.inf
    across, down = end[0] - start[0], end[1] - start[1]
    for origin, step, size in zip(start, (across, down), (shape[1], shape[0]), strict=True):
        if step:
            enters, leaves = sorted((-origin / step, (size - 1 - origin) / step))
            least, most = max(least, enters), min(most, leaves)
    x, y = start
    return (x + least * across, y + least * down), (x + most * across, y + most * down)


def _on_border(start: Point, end: Point, shape: tuple[int, ...]) -> bool:
    """Whether both points lie on the same border of the picture."""
    (x1, y1), (x2, y2) = start, end
    return max(x1, x2) <= 2 or max(y1, y2) <= 2 or min(x1, x2) >= shape[1] - 3 or min(y1, y2) >= shape[0] - 3


def _covered(near: Mask, start: Point, end: Point) -> float:
    """Which part of the way from start to end lies on ink."""
    steps = max(2, int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    return float(_at(near, np.linspace(start[0], end[0], steps), np.linspace(start[1], end[1], steps)).mean())


def _width(part: Mask, start: Point, end: Point) -> float:
    """The median amount of ink across a line, in pixels."""
    (x, y), (across, down) = start, np.subtract(end, start)
    along = np.linspace(0.1, 0.9, 40)[:, None]
    aside = np.arange(-12, 13) / max(math.hypot(across, down), 1)
    ink = _at(part, x + along * across - aside * down, y + along * down + aside * across).sum(axis=1)
    return float(median(ink[ink > 0].tolist())) if ink.any() else 1.0  # numpy's takes ten times as long for so few


def _at(mask: Mask, x: Coordinates, y: Coordinates) -> Mask:
    height, width = mask.shape
    found: Mask = mask[np.rint(y).astype(int).clip(0, height - 1), np.rint(x).astype(int).clip(0, width - 1)]
    return found


def _whole(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])
