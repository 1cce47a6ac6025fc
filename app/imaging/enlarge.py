"""A picture of a few pixels is made larger, so that uneven light on it can be told from ink."""

import cv2

from app.imaging.arrays import Grey
from app.imaging.picture import Picture, Stage, by_area

ENOUGH = 48  # pixels of the shorter side
MOST = 4  # times as long as wide: what is longer is no digit, and stays as it is

FIXED_SECONDS, PIXEL_SECONDS = 0.13e-3, 0.1e-6  # with the frame's run through the model; for a pixel of the small one


def enlarge(grey: Grey) -> Grey:
    """With `ENOUGH` pixels on the shorter side at least, smoothly."""
    shorter, longer = sorted(grey.shape)
    scale = ENOUGH / shorter
    if scale <= 1 or longer > MOST * shorter:
        return grey
    larger: Grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return larger


def _run(picture: Picture) -> None:
    picture.pixels = picture.grey = enlarge(picture.grey)
    picture.steps += ("enlarge",)


ENLARGE = Stage("making a small picture larger", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
