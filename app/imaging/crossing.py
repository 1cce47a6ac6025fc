"""Printed lines that cross the whole picture, as those of ruled and squared paper do."""

import math
from collections.abc import Iterator

import cv2
import numpy as np

from app.budget import Budget
from app.imaging.arrays import Mask, Outline, window
from app.imaging.lines import Line, Point, covered, whole, width_of

LONG = 0.35  # of the shorter side: a stretch of ink that may be part of a line
ANGLE = math.pi / 360  # of which directions are told apart
VOTES = 0.7 * LONG  # of the shorter side: pixels that lie on one line
BROKEN = 0.04  # of the shorter side: a gap in a stretch
MOST_STRETCHES = 60  # the longest, that are looked along
NEAR = 5  # pixels: so far around ink a line counts as lying on it
KNOWN = 0.5  # of a stretch lies on a line that was found already
SHORTEST = 0.5  # of the shorter side: a way across the picture that is no mere corner of it
UNBROKEN = 0.75  # of a line's way must lie on ink
THICKEST = 0.08  # of the shorter side
AROUND = 4  # pixels beside a line, both sides together, that are the same line's

HOUGH_PIXEL = 2e-6  # seconds for a pixel of the component
STRETCH = 200e-6


def reaches_far(outline: Outline, shape: tuple[int, ...]) -> bool:
    """From one border of the picture to another."""
    height, width = shape
    x, y, w, h = cv2.boundingRect(outline)
    sides = (x <= 1) + (y <= 1) + (x + w >= width - 1) + (y + h >= height - 1)
    return bool(sides >= 2)


def crossing(component: Mask, budget: Budget) -> Iterator[Line]:
    """Lines from border to border of the picture in one connected component of the ink. Raises TooMuchWork."""
    shorter = min(component.shape)
    budget.charge(HOUGH_PIXEL * cv2.countNonZero(component), "looking for straight lines")
    stretches = cv2.HoughLinesP(
        component, 1, ANGLE, round(VOTES * shorter), minLineLength=LONG * shorter, maxLineGap=BROKEN * shorter
    )
    if stretches is None:
        return
    near = cv2.dilate(component, window(NEAR))
    taken = np.zeros_like(component)
    stretches = stretches.reshape(-1, 4)
    budget.charge(STRETCH * min(len(stretches), MOST_STRETCHES), "looking along straight lines")
    lengths = np.hypot(stretches[:, 0] - stretches[:, 2], stretches[:, 1] - stretches[:, 3])
    for x1, y1, x2, y2 in stretches[np.argsort(-lengths)][:MOST_STRETCHES].tolist():
        if covered(taken, (x1, y1), (x2, y2)) > KNOWN:
            continue
        start, end = _extended((x1, y1), (x2, y2), component.shape)
        if math.dist(start, end) < SHORTEST * shorter or covered(near, start, end) < UNBROKEN:
            continue
        width = width_of(component, start, end)
        if width <= THICKEST * shorter:
            cv2.line(taken, whole(start), whole(end), 1, round(width) + AROUND)
            yield Line(start, end, width)


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
