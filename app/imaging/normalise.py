"""A picture of one digit -> the frame that the model was trained on, as MNIST was made.

Source of the last steps: LeCun, Cortes, Burges, "The MNIST database": fit into a 20x20 box keeping the aspect ratio,
then shift the centre of mass to the middle of 28x28.
"""

from typing import NamedTuple

import cv2
import numpy as np

from app.errors import NoInk
from app.imaging.arrays import SIDE
from app.imaging.decode import Grey, Pixels
from app.imaging.ink import Ink, Mask, ink_of, separate, shrink
from app.imaging.lines import find_lines, remove_lines, without_remains
from app.imaging.parts import box_around, digit_among, parts_of
from app.imaging.verdicts import Verdict, is_nothing, judge

WORKING = 480  # pixels a side; more tell nothing of one digit
BOX = 20  # pixels, of the longer side
MIDDLE = 14.5  # where MNIST has its centre of mass: the middle of pixel 14, in pixels from the edge
NEAR_BLACK = bytes(range(32))  # MNIST's background is 0 all over; a dark sheet of paper is not
FINE = 4  # a frame's pixel is so many pixels wide while strokes are thinned
THICKEST = 4.2  # pixels of a frame: strokes that are wider than nearly all of MNIST's are thinned
EDGE = 0.3  # of full ink: where a digit's box ends
NOTHING = "no ink was found: nothing stands out from the paper. Draw darker, or send another image."


class Frame(NamedTuple):
    """What the model sees: uint8 [28, 28], the names of the steps that made it, and what was wrong with the picture."""

    pixels: Grey
    steps: tuple[str, ...]
    verdict: Verdict = "ok"


def normalise(pixels: Pixels) -> Frame:
    """uint8 [H, W] or [H, W, 3] -> Frame. Raises NoInk where nothing stands out from the paper."""
    if is_mnist_like(pixels):
        if not np.count_nonzero(pixels):
            raise NoInk("the 28x28 frame is all 0, the background; expected ink, up to 255")
        return Frame(pixels, ("untouched",))
    ink, steps = ink_of(shrink(pixels, WORKING))
    separated = separate(ink)
    lines = find_lines(separated.mask)
    mask = remove_lines(separated.mask, lines)
    if not mask.any():
        raise NoInk(NOTHING)
    parts = without_remains(parts_of(mask))
    if not parts.found:
        raise NoInk(NOTHING)
    chosen = digit_among(parts, ink)
    digit = parts.mask(chosen)
    if is_nothing(separated, digit, chosen[0]):
        raise NoInk(NOTHING)
    cut = box_around([part.box for part in chosen]).cut
    removed = separated.mask[cut] & (1 - mask[cut])
    boxed, thinned = fit(crop(separated.soften(ink[cut]), digit[cut], removed))
    names = (
        *steps,
        *(["remove lines"] if lines else []),
        *(["remove specks"] if len(chosen) < len(parts.found) else []),
        "crop",
        *(["thin"] if thinned else []),
        "fit",
        "centre",
    )
    return Frame(centre(boxed), names, judge(separated, ink, parts, chosen))


def is_mnist_like(pixels: Pixels) -> bool:
    """28x28 with a border that is mostly black: taken for a frame that is ready."""
    if pixels.shape != (SIDE, SIDE):
        return False
    grey = pixels.tobytes()  # for so few, bytes are quicker than arrays
    border = grey[:SIDE] + grey[-SIDE:] + grey[SIDE:-SIDE:SIDE] + grey[2 * SIDE - 1 : -SIDE : SIDE]
    return 2 * len(border.translate(None, delete=NEAR_BLACK)) < len(border)


def crop(soft: Ink, digit: Mask, removed: Mask) -> Ink:
    """Of what lies around the digit's parts, one pixel is kept, for their edges."""
    near = cv2.dilate(digit, np.ones((3, 3), np.uint8))
    own: Ink = soft * (near & (1 - removed))
    return own


def fit(ink: Ink) -> tuple[Ink, bool]:
    """Scale, antialiased, so that the longer side is 20 pixels, with strokes no wider than MNIST's.

    The second is whether they were thinned.
    """
    fine = _enlarged(ink)
    radius = round(max(_stroke_width(fine) - THICKEST, 0) / 2 * FINE)
    thinned = False
    if radius:
        thin = cv2.erode(fine, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
        if thinned := bool(thin.max() > EDGE):
            fine = thin
    rows, columns = (np.flatnonzero((fine > EDGE).any(axis=axis)) for axis in (1, 0))
    fine = fine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = cv2.resize(fine, _size(fine, BOX), interpolation=cv2.INTER_AREA)
    return small * (255 / small.max()), thinned


def centre(boxed: Ink) -> Grey:
    """Lay on 28x28, shifted by whole pixels so that the centre of mass comes to the middle."""
    height, width = boxed.shape
    mass = boxed.sum()
    middle_y = float((boxed.sum(axis=1) @ (np.arange(height) + 0.5)) / mass)
    middle_x = float((boxed.sum(axis=0) @ (np.arange(width) + 0.5)) / mass)
    top = min(max(round(MIDDLE - middle_y), 0), SIDE - height)
    left = min(max(round(MIDDLE - middle_x), 0), SIDE - width)
    frame = np.zeros((SIDE, SIDE), np.uint8)
    frame[top : top + height, left : left + width] = np.rint(boxed)
    return frame


def _enlarged(ink: Ink) -> Ink:
    """As fine as strokes are thinned at, with an empty margin; what had few pixels is smoothed."""
    size = _size(ink, BOX * FINE)
    scale = BOX * FINE / max(ink.shape)
    fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    fine = cv2.copyMakeBorder(fine, *(2 * FINE + round(scale),) * 4, cv2.BORDER_CONSTANT)
    if scale > 1.5:
        fine = cv2.GaussianBlur(fine, (0, 0), 0.35 * scale)
    enlarged: Ink = (fine / max(float(fine.max()), 1e-6)).clip(0, 1)
    return enlarged


def _stroke_width(fine: Ink) -> float:
    """In pixels of a frame: across a stroke, the distance to its edge averages a quarter of its width."""
    mask = (fine > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return 4 * float(distance[mask > 0].mean()) / FINE


def _size(ink: Ink, longer: int) -> tuple[int, int]:
    """Width and height with that longer side."""
    height, width = ink.shape
    scale = longer / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
