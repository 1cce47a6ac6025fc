"""Colours -> the one channel that shows the ink best: an orange pen is as bright as paper in red, and black in blue."""

import cv2
import numpy as np

from app.imaging.arrays import Grey, Pixels
from app.imaging.medians import paper_around
from app.imaging.picture import Picture, Stage
from app.imaging.shrink import THUMBNAIL, shrink

CHANNELS = ("red", "green", "blue")
GREY_IS_BETTER_BY = 1.15  # a channel alone is noisier, and coarser in a JPEG
SURROUNDINGS = 8  # one part in so many at each side may not be of the paper

GREY_SECONDS = 2e-6
FIXED_SECONDS, PIXEL_SECONDS = 0.7e-3, 0.6e-9  # of colours


def strongest_channel(pixels: Pixels) -> tuple[Grey, str]:
    """Grey, or the colour channel in which most stands out from the paper, with its name."""
    if pixels.ndim == 2:
        return pixels, ""
    small = shrink(pixels, THUMBNAIL)
    channels = [np.ascontiguousarray(small[..., index]) for index in range(3)]
    strengths = [_strength(one) for one in channels]
    best = int(np.argmax(strengths))
    if strengths[best] <= GREY_IS_BETTER_BY * _strength(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)):
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), ""
    return np.ascontiguousarray(pixels[..., best]), CHANNELS[best]


def _strength(grey: Grey) -> float:
    """How far what is not paper stands out from it, in shades: the root of the mean square, so that all ink counts, but
    not what lies around the paper.
    """
    height, width = grey.shape
    top, left = (size // SURROUNDINGS for size in grey.shape)
    away = cv2.absdiff(grey, paper_around(grey))[top : height - top, left : width - left].astype(np.float32)
    return float(np.sqrt(np.square((away - np.median(away)).clip(0)).mean()))


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area if picture.pixels.ndim == 3 else GREY_SECONDS


def _run(picture: Picture) -> None:
    picture.grey, picture.channel = strongest_channel(picture.pixels)


CHANNEL = Stage("looking at each colour of the pixels", _seconds, _run)
