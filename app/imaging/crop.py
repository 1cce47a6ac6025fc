"""The digit cut out of the picture, without what else is written."""

import cv2

from app.imaging.arrays import Ink, Mask, window
from app.imaging.picture import Picture, Stage, by_area

EDGE = 3  # pixels: a window by which one pixel around the digit's components is kept, for their edges

FIXED_SECONDS, PIXEL_SECONDS = 0.02e-3, 0.5e-9


def crop(soft: Ink, digit: Mask) -> Ink:
    """Of what lies around the digit's components, one pixel is kept."""
    own: Ink = soft * cv2.dilate(digit, window(EDGE))
    return own


def _run(picture: Picture) -> None:
    cut = picture.box.cut
    picture.soft = crop(picture.soft[cut], picture.digit_mask[cut])
    picture.steps += ("crop",)


CROP = Stage("cutting the digit out", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
