"""The arrays that imaging works on, by what they hold, and the square windows that it looks at them through."""

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # [H, W], as bright as the picture is
Pixels = NDArray[np.uint8]  # [H, W] grey, or [H, W, 3] red, green and blue
Ink = NDArray[np.float32]  # [H, W], 0 bare paper .. 1 where none of the paper's light is left
Mask = NDArray[np.uint8]  # [H, W], 1 where there is something
Outline = NDArray[np.int32]  # [N, 1, 2] or [N, 2], x and y

SMALLEST_WINDOW = 3  # pixels a side: smaller ones hold nothing but their middle


def window(side: int) -> Mask:
    """All of a square."""
    return np.ones((side, side), np.uint8)


def odd(size: float) -> int:
    """The side of a window of about that size that has a pixel in its middle."""
    return max(SMALLEST_WINDOW, int(size) | 1)
