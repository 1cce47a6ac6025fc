"""The connected parts of the ink: which of them are the digit, and which something else."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.ink import Ink, Mask

SMALL_PICTURE = 64  # pixels a side; in so small a picture a digit may well touch the border
SPECK = 6  # pixels a side
NEAR = 0.18  # of the digit's longer side: a gap within a digit, such as that of a broken 5
TALL = 0.7  # of the digit's height: what stands beside it and is so is another digit
LEAST_PART = 0.03  # of the largest part's area
OFF_CENTRE, AT_BORDER, A_SPECK = 0.6, 0.4, 0.3  # what a part loses of its weight by being so


class Box(NamedTuple):
    """Pixels from left and top (included) to right and bottom (excluded)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def side(self) -> int:
        return max(self.width, self.height)

    @property
    def cut(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def surrounds(self, other: "Box") -> bool:
        outside = self.left <= other.left and self.top <= other.top
        return outside and self.right >= other.right and self.bottom >= other.bottom

    def gap(self, other: "Box") -> float:
        """The distance between both, 0 where they overlap."""
        across = max(self.left - other.right, other.left - self.right, 0)
        down = max(self.top - other.bottom, other.top - self.bottom, 0)
        return math.hypot(across, down)


class Part(NamedTuple):
    label: int
    box: Box
    area: int
    borders: int
    """How many of the picture's borders it touches."""


class Parts(NamedTuple):
    labels: NDArray[np.int32]  # [H, W], 0 where there is no ink
    found: list[Part]

    def mask(self, chosen: list[Part]) -> Mask:
        """Where these parts lie."""
        one = len(chosen) == 1  # and sooner found
        wanted = self.labels == chosen[0].label if one else np.isin(self.labels, [part.label for part in chosen])
        mask: Mask = wanted.astype(np.uint8)
        return mask

    def weight(self, part: Part, ink: Ink) -> float:
        """All the ink of one part."""
        cut = part.box.cut
        return float(ink[cut][self.labels[cut] == part.label].sum())


def components(mask: Mask) -> tuple[NDArray[np.int32], list[list[int]]]:
    """Labels [H, W], and for each of them left, top, width, height and area; the first is the background.

    Many a picture has one part alone, which its outline says sooner. Grana's algorithm took a third of the default's.
    """
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) == 1:
        return mask.astype(np.int32), [[0] * 5, [*cv2.boundingRect(outlines[0]), cv2.countNonZero(mask)]]
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)
    return labels, stats.tolist()


def parts_of(mask: Mask) -> Parts:
    height, width = mask.shape
    labels, boxes = components(mask)
    found = []
    for label, (x, y, w, h, area) in enumerate(boxes):
        if label:
            borders = (x == 0) + (y == 0) + (x + w == width) + (y + h == height)
            found.append(Part(label, Box(x, y, x + w, y + h), area, borders))
    return Parts(labels, found)


def digit_among(parts: Parts, ink: Ink) -> list[Part]:
    """The parts that make up the digit: the heaviest, less what it lies off the middle or at the border, and those that
    are inside it or near it.
    """
    if len(parts.found) == 1:
        return parts.found
    small = max(ink.shape) <= SMALL_PICTURE
    main = max(parts.found, key=lambda part: _prominence(part, parts.weight(part, ink), ink.shape, small=small))
    chosen, box = [main], main.box
    waiting = [part for part in parts.found if part is not main and part.area > LEAST_PART * main.area]
    if not small:
        waiting = [part for part in waiting if not part.borders]
    while joined := [part for part in waiting if _belongs(part.box, box, main.box)]:
        chosen += joined
        box = box_around([box, *(part.box for part in joined)])
        waiting = [part for part in waiting if part not in joined]
    return chosen


def _prominence(part: Part, weight: float, shape: tuple[int, ...], *, small: bool) -> float:
    height, width = shape
    across = ((part.box.left + part.box.right) / 2 - width / 2) / width
    down = ((part.box.top + part.box.bottom) / 2 - height / 2) / height
    weight *= 1 - OFF_CENTRE * math.hypot(across, down)
    if small:
        return weight
    return float(weight * AT_BORDER**part.borders * (A_SPECK if part.box.side < SPECK else 1))


def _belongs(box: Box, digit: Box, main: Box) -> bool:
    if box.gap(digit) >= NEAR * main.side or box.side >= 1.2 * main.side:
        return False
    shared = min(box.right, main.right) - max(box.left, main.left)
    beside = shared < 0.1 * min(box.width, main.width)
    return not (beside and box.height > TALL * main.height)  # else it is the next digit


def box_around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
