"""Printed lines in a mask of ink: those of ruled and squared paper, and the borders of boxes.

They are found as lines, for a 1 is a thin component, too.
"""

import cv2
import numpy as np

from app.budget import Budget
from app.imaging.arrays import Mask, Outline, window
from app.imaging.cells import corners_of, lines_of_box
from app.imaging.components import HEIGHT, WIDTH, has_few, labelled
from app.imaging.crossing import LONG, crossing, reaches_far
from app.imaging.lines import Line
from app.imaging.picture import Picture, Stage, by_area

SMALLEST_PICTURE = 60  # pixels a side of a picture in which lines are looked for
BROKEN = 5  # pixels: a gap that is closed, for thin lines come in pieces
LARGE = LONG / 3  # of the shorter side: what may be a printed line, or a box
MOST_COMPONENTS = 60  # that are looked at, each of which costs some milliseconds in a large picture
NAME = "looking for printed lines"

FIXED_SECONDS, PIXEL_SECONDS = 0.05e-3, 2.5e-9
OUTLINE, OUTLINE_POINT = 20e-6, 0.3e-6  # seconds, once they are found
COMPONENT_PIXEL = 3e-9  # seconds for a pixel of the picture


def find_lines(mask: Mask, budget: Budget) -> list[Line]:
    """Straight lines that cross the whole picture, and the four sides of boxes that have something inside.

    Raises TooMuchWork.
    """
    if min(mask.shape) < SMALLEST_PICTURE:
        return []
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, window(BROKEN))
    large = _large_outlines(mask)
    budget.charge(OUTLINE * len(large) + OUTLINE_POINT * sum(map(len, large)), NAME)
    likely = [outline for outline in large if reaches_far(outline, mask.shape) or corners_of(outline) is not None]
    if not likely:
        return []
    labels, _ = labelled(mask)
    lines: list[Line] = []
    for outline in sorted(likely, key=cv2.contourArea, reverse=True)[:MOST_COMPONENTS]:
        budget.charge(COMPONENT_PIXEL * mask.size, NAME)
        x, y = outline[0, 0]
        component = (labels == labels[y, x]).astype(np.uint8)
        if reaches_far(outline, mask.shape):
            lines += crossing(component, budget)
        if (corners := corners_of(outline)) is not None:
            lines += lines_of_box(component, corners, mask, budget)
    return lines


def _large_outlines(mask: Mask) -> list[Outline]:
    least = LARGE * min(mask.shape)
    if not has_few(mask):
        labels, stats = labelled(mask)
        large = stats[:, WIDTH : HEIGHT + 1].max(axis=1) >= least
        large[0] = False  # the background
        mask = large.astype(np.uint8)[labels]
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [outline for outline in outlines if max(cv2.boundingRect(outline)[2:]) >= least]


def _run(picture: Picture) -> None:
    picture.lines = find_lines(picture.separated.mask, picture.budget)


FIND_LINES = Stage(NAME, by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
