"""A picture of a few pixels is made larger, so that uneven light on it can be told from ink."""

import cv2

from app.imaging.arrays import Pixels
from app.imaging.picture import Picture, Stage, by_area

ENOUGH = 48  # pixels of the shorter side
MOST = 4  # times as long as wide: what is longer is no digit, and stays as it is

FIXED_SECONDS, PIXEL_SECONDS = 0.03e-3, 0.1e-6  # for a pixel of what is made larger


def enlarge(pixels: Pixels) -> Pixels:
    """With `ENOUGH` pixels on the shorter side at least, smoothly."""
    shorter, longer = sorted(pixels.shape[:2])
    scale = ENOUGH / shorter
    if scale <= 1 or longer > MOST * shorter:
        return pixels
    larger: Pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return larger


def _run(picture: Picture) -> None:
    picture.pixels = enlarge(picture.pixels)
    picture.steps += ("enlarge",)


ENLARGE = Stage("making a small picture larger", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
