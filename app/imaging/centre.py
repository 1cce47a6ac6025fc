"""The digit laid on an empty frame, its centre of mass in the middle, as MNIST's are."""

import numpy as np

from app.imaging.arrays import Grey, Ink
from app.imaging.picture import Picture, Stage
from app.imaging.preparation import Preparation

SECONDS = 0.04e-3
MIDDLE = 0.5  # of a pixel


def centre(boxed: Ink, preparation: Preparation) -> Grey:
    """Shifted by whole pixels so that the centre of mass comes to the middle, but no farther than the frame's edge."""
    side, middle = preparation.side, preparation.middle
    height, width = boxed.shape
    mass = boxed.sum()
    middle_y = float((boxed.sum(axis=1) @ (np.arange(height) + MIDDLE)) / mass)
    middle_x = float((boxed.sum(axis=0) @ (np.arange(width) + MIDDLE)) / mass)
    top = min(max(round(middle - middle_y), 0), side - height)
    left = min(max(round(middle - middle_x), 0), side - width)
    frame = np.zeros((side, side), np.uint8)
    frame[top : top + height, left : left + width] = np.rint(boxed)
    return frame


def _seconds(_: Picture) -> float:
    return SECONDS


def _run(picture: Picture) -> None:
    picture.frame = centre(picture.boxed, picture.preparation)
    picture.steps += ("centre",)


CENTRE = Stage("centring the digit", _seconds, _run)
