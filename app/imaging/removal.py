"""Printed lines taken out of a mask of ink; strokes that cross them stay whole."""

import cv2
import numpy as np

from app.imaging.arrays import Mask
from app.imaging.lines import Line, whole
from app.imaging.picture import Picture, Stage

SLACK = 4  # pixels that a line may be off, both sides together

NO_LINE_SECONDS = 3e-6
FIXED_SECONDS, PIXEL_SECONDS = 0.03e-3, 3e-9


def remove_lines(mask: Mask, lines: list[Line]) -> Mask:
    """The mask without these lines; strokes that cross them are bridged. The same one where there are none."""
    left = mask
    for flat in (True, False):
        chosen = [line for line in lines if line.flat == flat]
        if not chosen:
            continue
        band = np.zeros_like(left)
        for line in chosen:
            cv2.line(band, whole(line.start), whole(line.end), 1, round(line.width + SLACK))
        rest = left & (1 - band)
        reach = round(max(line.width for line in chosen)) + 2 * SLACK
        across = np.ones((reach, 1) if flat else (1, reach), np.uint8)
        padded = cv2.copyMakeBorder(rest, *(reach,) * 4, cv2.BORDER_CONSTANT)
        bridged = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, across)[reach:-reach, reach:-reach]
        left = rest | (bridged & band & left)
    return left


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area if picture.lines else NO_LINE_SECONDS


def _run(picture: Picture) -> None:
    picture.mask = remove_lines(picture.separated.mask, picture.lines)
    if picture.lines:
        picture.steps += ("remove lines",)


REMOVE_LINES = Stage("taking printed lines out", _seconds, _run)
