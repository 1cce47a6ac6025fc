"""Ink -> the same from 0 to 1, so that edges stay smooth, and without printed lines."""

import numpy as np

from app.imaging.arrays import Ink
from app.imaging.picture import Picture, Separated, Stage, by_area

WIDE = 1.5  # an edge's ink rises within so many times the way from the least ink to typical ink,
BELOW = 2  # beginning below the least by one part in so many of that way
NARROWEST = 1e-6  # of ink, where all of it is alike

FIXED_SECONDS, PIXEL_SECONDS = 0.01e-3, 1.2e-9


def soften(ink: Ink, separated: Separated) -> Ink:
    """0 to 1: what lies halfway between none and `least` is 0, what is typical is 1."""
    step = max(separated.typical - separated.least, NARROWEST)
    soft = ink - separated.least
    soft += step / BELOW
    soft /= WIDE * step
    return np.clip(soft, 0, 1, out=soft)  # in place: new arrays of a whole picture take longer than sums


def _run(picture: Picture) -> None:
    picture.soft = soften(picture.ink, picture.separated)
    if picture.lines:
        picture.soft *= picture.mask >= picture.separated.mask


SOFTEN = Stage("smoothing the edges of ink", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
