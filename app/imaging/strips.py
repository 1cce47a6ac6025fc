"""A row of writing -> the strip that a line reader sees: as high as those that it was trained on, however long."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Grey, Ink, Mask, window
from app.imaging.boxes import Box, box_around, box_of
from app.imaging.components import Component
from app.imaging.picture import Picture

INKED = 0.5  # of full ink: where a row's ink ends
LONG = 2.0  # of its height: a row that is not so long says nothing of its slope
STEEPEST = 0.2  # a slope, up or down, of what people write; more is laid as level as that
FLAT = 0.03  # a slope that is left as it is
EDGE = 3  # pixels: a window by which one pixel around a component is its edge

STRIP, STRIP_PIXEL = 0.2e-3, 25e-9  # seconds for one, and for a pixel of the picture that is in it
READ_COLUMN = 12e-6  # seconds for a column of a strip in the reader and in the readings that come of it


@dataclass(frozen=True)
class StripShape:
    """How a reader's strips are cut, in pixels of a strip. It stands in the reader's manifest."""

    height: int
    ink: int
    """The height of the row's own ink, in the middle."""
    ends: int
    """What is bare, or of others, at either end."""
    step: int
    """Widths are multiples of it, so that few differ."""
    longest: int
    """What is longer is no strip."""


class Strip(NamedTuple):
    pixels: Grey
    """[height, width], light ink on black."""
    left: float
    """Where it begins, in pixels of the picture,"""
    scale: float
    """of which one is so many of the strip."""


def strips_of(picture: Picture, shape: StripShape) -> list[Strip | None]:
    """One for each row; None where it is too long. Raises TooMuchWork."""
    return [_strip(picture, row, shape) for row in picture.rows]


def _strip(picture: Picture, row: list[Component], shape: StripShape) -> Strip | None:
    box = box_around([component.box for component in row])
    region = _with_margin(box, picture.soft.shape, shape)
    picture.budget.charge(STRIP + STRIP_PIXEL * region.width * region.height, "cutting a line out of the picture")
    labels, soft = picture.components.labels[region.cut], picture.soft[region.cut]
    own = _around(np.isin(labels, [component.label for component in row])) * soft
    others = [component.label for other in picture.rows if other is not row for component in other]
    around = soft * (1 - np.isin(labels, others)) if others else soft
    strip = strip_of(own, around, shape)
    if strip is None:
        return None
    picture.budget.charge(READ_COLUMN * strip.pixels.shape[1], "reading a line")
    return strip._replace(left=strip.left + region.left)


def strip_of(own: Ink, around: Ink, shape: StripShape) -> Strip | None:
    """A row's own ink, and all that is to be seen around it, both [H, W] -> a strip that lies level.

    None where it would be too long, or there is no ink.
    """
    if (slope := _slope(own)) is not None:
        own, around = _levelled(own, slope), _levelled(around, slope)
    left, top, right, bottom = box_of(own > INKED)
    if top == bottom:
        return None
    scale = shape.ink / (bottom - top)
    width = round((right - left) * scale) + 2 * shape.ends
    width += -width % shape.step
    if width > shape.longest:
        return None
    # From strip to picture, so that what lies outside of it is bare.
    above = (shape.height - shape.ink) / 2
    first, last = (round(at / scale) for at in (above, above + shape.ink + above))
    begins, ends = round(shape.ends / scale), round(width / scale) - round(shape.ends / scale)
    whole = np.zeros((last, begins + ends), np.float32)
    _paste(whole, around, first - top, begins - left)
    small = cv2.resize(whole, (width, shape.height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return Strip(np.rint(255 * small.clip(0, 1)).astype(np.uint8), left - begins, width / whole.shape[1])


def _slope(own: Ink) -> float | None:
    """By how much a row falls for each pixel to the right: that of the line through all of its ink, by least squares.

    None where it is about level, or too short to say.
    """
    moments = cv2.moments(own)
    down, across = moments["mu02"], moments["mu20"]
    if not across or across < LONG**2 * down:
        return None
    slope = float(np.clip(moments["mu11"] / across, -STEEPEST, STEEPEST))
    return slope if abs(slope) > FLAT else None


def _levelled(ink: Ink, slope: float) -> Ink:
    """With its columns moved up or down, and room for that above and below."""
    height, width = ink.shape
    room = round(abs(slope) * width / 2) + 1
    shear = np.array([[1, 0, 0], [slope, 1, -slope * width / 2 - room]], np.float32)
    levelled: Ink = cv2.warpAffine(
        ink, shear, (width, height + 2 * room), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return levelled


def _paste(whole: Ink, ink: Ink, top: int, left: int) -> None:
    """Lay what there is room for at a place, which may lie outside."""
    rows = slice(max(0, top), min(whole.shape[0], top + ink.shape[0]))
    columns = slice(max(0, left), min(whole.shape[1], left + ink.shape[1]))
    whole[rows, columns] = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _with_margin(box: Box, within: tuple[int, ...], shape: StripShape) -> Box:
    """What may be seen in a strip around a row's box, as far as the picture goes."""
    beside = round(shape.ends / shape.ink * box.height) + 1
    above = round((shape.height - shape.ink) / 2 / shape.ink * box.height) + 1
    height, width = within
    return Box(
        max(0, box.left - beside),
        max(0, box.top - above),
        min(width, box.right + beside),
        min(height, box.bottom + above),
    )


def _around(mask: NDArray[np.bool_]) -> Mask:
    """With the pixels next to it."""
    around: Mask = cv2.dilate(mask.astype(np.uint8), window(EDGE))
    return around
