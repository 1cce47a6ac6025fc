"""A digit in several parts, taken whole, with its strokes bridged where they were broken.

A scanner, or whoever took a printed line out, leaves gaps across strokes: their ends point at each other. Whether the
parts are one digit at all is for the model to say, so that this makes another frame beside the first.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Ink, Mask, window
from app.imaging.boxes import box_around
from app.imaging.components import AREA, components_of
from app.imaging.picture import Picture, Stage

LEAST = 0.03  # of the main part's area: what has less is a speck
MOST_PARTS = 12  # of a digit, however broken; more are something else
LARGEST = 80  # pixels of the longer side: what is larger is made smaller before gaps are looked for
REACH = 0.15  # of the longer side: the widest gap
INKED = 0.5  # of full ink: where a stroke ends
EDGE = 3  # pixels: a window by which what touches a gap is found

PARTS_FIXED, PARTS_PIXEL = 0.15e-3, 3e-9  # with the frame's run through the model
FIXED_SECONDS, PIXEL_SECONDS = 0.6e-3, 1e-9


def is_broken(picture: Picture) -> bool:
    """Whether there are other parts than the main one that are large enough to be some of the digit."""
    return len(picture.components.names) > 1 and 1 < int(_large(picture).sum()) <= MOST_PARTS


def bridged(ink: Ink) -> Ink:
    """The same with gaps between its parts filled, straight across, as long as their ends are not too far apart."""
    mask = (ink > INKED).astype(np.uint8)
    parts = components_of(mask)
    if len(parts.names) < 2:
        return ink
    gaps = _closed(mask, max(3, int(REACH * max(ink.shape)) | 1)) & (1 - mask)
    _, names = cv2.connectedComponents(gaps)
    between = _joins(names, parts.labels)[names]
    whole: Ink = np.maximum(ink, between.astype(np.float32))
    return whole


def _closed(mask: Mask, reach: int) -> Mask:
    """Where there is ink at both sides within reach: above and below, left and right, or across."""
    padded = cv2.copyMakeBorder(mask, *(reach,) * 4, cv2.BORDER_CONSTANT)
    closed = np.zeros_like(padded)
    upright, falling = np.ones((reach, 1), np.uint8), np.eye(reach, dtype=np.uint8)
    for along in (upright, upright.T, falling, falling[::-1]):
        closed |= cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ascontiguousarray(along))
    cut: Mask = closed[reach:-reach, reach:-reach]
    return cut


def _joins(gaps: NDArray[np.int32], parts: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which gaps, by their names, touch more than one part."""
    labels = parts.astype(np.float32)
    highest = cv2.dilate(labels, window(EDGE))
    lowest = cv2.erode(np.where(parts, labels, np.inf).astype(np.float32), window(EDGE))
    least, most = np.full(gaps.max() + 1, np.inf), np.zeros(gaps.max() + 1)
    inside = gaps > 0
    np.minimum.at(least, gaps[inside], lowest[inside])
    np.maximum.at(most, gaps[inside], highest[inside])
    return most > least


def _large(picture: Picture) -> NDArray[np.bool_]:
    large: NDArray[np.bool_] = picture.components.stats[:, AREA] > LEAST * picture.digit[0].area
    return large


def _take_parts(picture: Picture) -> None:
    picture.digit = picture.components.only(_large(picture)).found
    picture.digit_mask = picture.components.mask(picture.digit)
    picture.box = box_around([component.box for component in picture.digit])


def _seconds_for_parts(picture: Picture) -> float:
    return PARTS_FIXED + PARTS_PIXEL * picture.area


def _run(picture: Picture) -> None:
    ink = picture.soft
    scale = LARGEST / max(ink.shape)
    if scale < 1:
        height, width = (max(1, round(size * scale)) for size in ink.shape)
        ink = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    picture.soft = bridged(ink)
    picture.steps += ("bridge gaps",)


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area


TAKE_PARTS = Stage("taking all parts for one digit", _seconds_for_parts, _take_parts)
BRIDGE_GAPS = Stage("bridging broken strokes", _seconds, _run)
