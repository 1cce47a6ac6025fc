"""A large picture is made smaller: more pixels tell nothing of one digit."""

import cv2

from app.imaging.arrays import Pixels
from app.imaging.picture import Picture, Stage

WORKING = 480  # pixels a side, of a picture of one digit
THUMBNAIL = 64  # pixels a side; enough to see what is paper

FIXED_SECONDS, PIXEL_SECONDS = 5e-6, 0.5e-9  # for a pixel of what is made smaller


def shrink(pixels: Pixels, side: int) -> Pixels:
    """With `side` pixels on the longer side at most: averaged over whole squares of pixels, which is quick, and then a
    little more.
    """
    factor = max(pixels.shape[:2]) // side
    if factor > 1:
        height, width = (max(1, size // factor) for size in pixels.shape[:2])
        whole = pixels[: height * factor, : width * factor]
        pixels = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        height, width = (max(1, round(size * scale)) for size in pixels.shape[:2])
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def _seconds(picture: Picture) -> float:
    is_large = max(picture.pixels.shape[:2]) > WORKING
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area if is_large else FIXED_SECONDS


def _run(picture: Picture) -> None:
    picture.pixels = shrink(picture.pixels, WORKING)


SHRINK = Stage("making the picture smaller", _seconds, _run)
