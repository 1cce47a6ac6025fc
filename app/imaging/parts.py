"""The connected parts of the ink: which of them are the digit, and which something else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.ink import Ink, Mask

SMALL_PICTURE = 64  # pixels a side; in so small a picture a digit may well touch the border
SPECK = 6  # pixels a side
NEAR = 0.18  # of the digit's longer side: a gap within a digit, such as that of a broken 5
TALL = 0.7  # of the digit's height: what stands beside it and is so is another digit
HEIGHT, AREA = 3, 4  # the columns of OpenCV's statistics that hold them
FEW = 4  # outlines for each row of pixels, a few microseconds each
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


class Part(NamedTuple):
    label: int
    box: Box
    area: int
    borders: int
    """How many of the picture's borders it touches."""


@dataclass(frozen=True)
class Parts:
    """Arrays until few are left: a hostile picture has a part for every fourth pixel."""

    labels: NDArray[np.int32]  # [H, W], 0 where there is no ink
    names: NDArray[np.intp]  # [N], the label of each part
    stats: NDArray[np.int32]  # [N, 5], left, top, width, height and area of each part

    @cached_property
    def found(self) -> list[Part]:
        rows = zip(self.names.tolist(), self.stats.tolist(), self.borders.tolist(), strict=True)
        return [Part(label, Box(x, y, x + w, y + h), area, borders) for label, (x, y, w, h, area), borders in rows]

    @property
    def borders(self) -> NDArray[np.intp]:
        """How many of the picture's borders each part touches, [N]."""
        height, width = self.labels.shape
        x, y, w, h = self.stats.T[:4]
        borders: NDArray[np.intp] = np.sum([x == 0, y == 0, x + w == width, y + h == height], axis=0)
        return borders

    def only(self, wanted: NDArray[Any]) -> "Parts":
        """Those parts alone, by their places or by a mask."""
        return Parts(self.labels, self.names[wanted], self.stats[wanted])

    def largest(self, most: int) -> "Parts":
        """At most so many, in their order."""
        if len(self.names) <= most:
            return self
        return self.only(np.sort(np.argpartition(self.stats[:, AREA], -most)[-most:]))

    def mask(self, chosen: list[Part]) -> Mask:
        """Where these parts lie."""
        one = len(chosen) == 1  # and sooner found
        wanted = self.labels == chosen[0].label if one else np.isin(self.labels, [part.label for part in chosen])
        mask: Mask = wanted.astype(np.uint8)
        return mask

    def weights(self, ink: Ink) -> NDArray[np.float64]:
        """All the ink of each part, [N]."""
        inked = np.flatnonzero(self.labels)
        weights = np.bincount(self.labels.ravel()[inked], ink.ravel()[inked].astype(np.float64))
        return weights[self.names].astype(np.float64)


def has_few(mask: Mask) -> bool:
    """Whether there are so few parts that their outlines, an object each, are sooner found than all labels: there are
    no more of them than there are pixels where ink begins from the left.
    """
    begins = np.count_nonzero(mask[:, 1:] > mask[:, :-1]) + np.count_nonzero(mask[:, 0])
    return bool(begins <= FEW * len(mask))


def components(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels [H, W], and for each of them left, top, width, height and area; the first is the background.

    Many a picture has one part alone, which its outline says sooner. Grana's algorithm took a third of the default's.
    """
    if has_few(mask):
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if len(outlines) == 1:
            one = [*cv2.boundingRect(outlines[0]), cv2.countNonZero(mask)]
            return mask.astype(np.int32), np.array([[0] * 5, one], np.int32)
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)
    return labels, stats


def parts_of(mask: Mask) -> Parts:
    labels, stats = components(mask)
    return Parts(labels, np.arange(1, len(stats)), stats[1:])


def digit_among(parts: Parts, ink: Ink) -> list[Part]:
    """The parts that make up the digit: the heaviest, less what it lies off the middle or at the border, and those that
    are inside it or near it.
    """
    if len(parts.found) == 1:
        return parts.found
    small = max(ink.shape) <= SMALL_PICTURE
    main = int(_prominence(parts, ink, small=small).argmax())
    waiting = _may_belong(parts, main)
    if not small:
        waiting &= parts.borders == 0
    x, y, w, h, _ = parts.stats.T
    near = NEAR * parts.found[main].box.side
    chosen, box = [parts.found[main]], parts.found[main].box
    while True:
        across = np.maximum(x - box.right, box.left - x - w).clip(0)
        down = np.maximum(y - box.bottom, box.top - y - h).clip(0)
        joined = waiting & (np.hypot(across, down) < near)
        if not joined.any():
            return chosen
        waiting &= ~joined
        more = [parts.found[place] for place in np.flatnonzero(joined)]
        chosen += more
        box = box_around([box, *(part.box for part in more)])


def _prominence(parts: Parts, ink: Ink, *, small: bool) -> NDArray[np.float64]:
    height, width = ink.shape
    x, y, w, h = parts.stats.T[:4]
    off_centre = np.hypot((x + w / 2 - width / 2) / width, (y + h / 2 - height / 2) / height)
    prominence: NDArray[np.float64] = parts.weights(ink) * (1 - OFF_CENTRE * off_centre)
    if small:
        return prominence
    prominence *= AT_BORDER**parts.borders
    prominence[np.maximum(w, h) < SPECK] *= A_SPECK
    return prominence


def _may_belong(parts: Parts, main: int) -> NDArray[np.bool_]:
    """To a digit of which that is the main part, if it is near enough, [N]."""
    x, _, w, h, area = parts.stats.T
    main_x, _, main_w, main_h, main_area = parts.stats[main].tolist()
    shared = np.minimum(x + w, main_x + main_w) - np.maximum(x, main_x)
    beside = (shared < 0.1 * np.minimum(w, main_w)) & (h > TALL * main_h)  # the next digit
    small = np.maximum(w, h) < 1.2 * max(main_w, main_h)
    may: NDArray[np.bool_] = small & ~beside & (area > LEAST_PART * main_area)
    may[main] = False
    return may


def box_around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
