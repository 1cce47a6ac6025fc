"""Upright boxes of pixels."""

from collections.abc import Sequence
from typing import NamedTuple


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

    def surrounds(self, other: "Box") -> bool:
        outside = self.left <= other.left and self.top <= other.top
        return outside and self.right >= other.right and self.bottom >= other.bottom

    def meets(self, other: "Box") -> bool:
        """Whether there are pixels in both."""
        across = max(self.left, other.left) < min(self.right, other.right)
        return across and max(self.top, other.top) < min(self.bottom, other.bottom)


def box_around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
