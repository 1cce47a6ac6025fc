"""A digit's ink, scaled into the box that it fills in a frame, with strokes no wider than the model's are."""

import cv2
import numpy as np

from app.budget import UNLIMITED, Budget
from app.imaging.arrays import Ink
from app.imaging.boxes import box_of
from app.imaging.picture import Picture, Stage, by_area
from app.imaging.preparation import Preparation

FINE = 4  # a frame's pixel is so many pixels wide while strokes are thinned
MARGIN = 2  # pixels of a frame around the digit then
LARGE_PIXELS = 1.5  # fine pixels: the side of a picture's own from which they are smoothed,
SMOOTH = 0.35  # by so much of it
STROKE = 0.5  # of full ink: where strokes are wide
EDGE = 0.3  # of full ink: where a digit's box ends
NOT_ZERO = 1e-6  # of ink, where there is none

FIXED_SECONDS, PIXEL_SECONDS = 0.12e-3, 0.8e-9
THINNED, SMOOTHED = 0.08e-9, 1e-9  # seconds for a fine pixel and what is looked at around it, or how far it spreads


def fit(ink: Ink, preparation: Preparation, budget: Budget = UNLIMITED) -> tuple[Ink, bool]:
    """Scale, antialiased, so that the longer side is the box's, with strokes no wider than the thickest: 0 to 255.

    The second is whether they were thinned. Raises TooMuchWork.
    """
    fine = _enlarged(ink, preparation.box, budget)
    radius = round(max(_stroke_width(fine) - preparation.thickest, 0) / 2 * FINE)
    thinned = False
    if radius:
        budget.charge(THINNED * fine.size * (2 * radius + 1) ** 2, "thinning thick strokes")
        thin = cv2.erode(fine, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
        if thinned := bool(thin.max() > EDGE):
            fine = thin
    fine = fine[box_of(fine > EDGE).cut]
    small = cv2.resize(fine, _size(fine, preparation.box), interpolation=cv2.INTER_AREA)
    return small * (255 / small.max()), thinned


def _enlarged(ink: Ink, box: int, budget: Budget) -> Ink:
    """As fine as strokes are thinned at, with an empty margin; what had few pixels is smoothed. Raises TooMuchWork."""
    size = _size(ink, box * FINE)
    scale = box * FINE / max(ink.shape)
    fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    fine = cv2.copyMakeBorder(fine, *(MARGIN * FINE + round(scale),) * 4, cv2.BORDER_CONSTANT)
    if scale > LARGE_PIXELS:
        budget.charge(SMOOTHED * fine.size * scale, "smoothing a few large pixels")
        fine = cv2.GaussianBlur(fine, (0, 0), SMOOTH * scale)
    fine /= max(float(fine.max()), NOT_ZERO)
    enlarged: Ink = np.clip(fine, 0, 1, out=fine)
    return enlarged


def _stroke_width(fine: Ink) -> float:
    """In pixels of a frame: across a stroke, the distance to its edge averages a quarter of its width."""
    mask = (fine > STROKE).view(np.uint8)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return 4 * cv2.sumElems(distance)[0] / max(cv2.countNonZero(mask), 1) / FINE


def _size(ink: Ink, longer: int) -> tuple[int, int]:
    """Width and height with that longer side."""
    height, width = ink.shape
    scale = longer / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _run(picture: Picture) -> None:
    picture.boxed, thinned = fit(picture.soft, picture.preparation, picture.budget)
    picture.steps += ("thin", "fit") if thinned else ("fit",)


FIT = Stage("scaling the digit", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
