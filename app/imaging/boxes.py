"""Upright boxes of pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


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
        """The longer one."""
        return max(self.width, self.height)

    @property
    def cut(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def moved(self, right: int, down: int) -> "Box":
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def times(self, factor: int) -> "Box":
        return Box(*(factor * side for side in self))

    def surrounds(self, other: "Box") -> bool:
        outside = self.left <= other.left and self.top <= other.top
        return outside and self.right >= other.right and self.bottom >= other.bottom

    def meets(self, other: "Box") -> bool:
        """Whether there are pixels in both."""
        across = max(self.left, other.left) < min(self.right, other.right)
        return across and max(self.top, other.top) < min(self.bottom, other.bottom)


def box_of(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around what is true, [H, W]; one of no size where nothing is."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Box(left, top, left + width, top + height)


def box_around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
