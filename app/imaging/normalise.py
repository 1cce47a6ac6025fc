"""A picture of one digit -> the frame that the model was trained on, as MNIST was made.

Source of the last steps: LeCun, Cortes, Burges, "The MNIST database": fit into a 20x20 box keeping the aspect ratio,
then shift the centre of mass to the middle of 28x28.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from app.budget import UNLIMITED, Budget
from app.errors import NoInk
from app.imaging.decode import Grey, Pixels
from app.imaging.ink import EVENED, Ink, Inked, Mask, by_colour, ink_of, shrink
from app.imaging.parts import Box, Part, box_around, digit_among
from app.imaging.preparation import Doubt, Preparation
from app.imaging.sheet import paint_around
from app.imaging.verdicts import Judgement, believed_if_faint, is_nothing, judge
from app.imaging.writing import NOTHING, Writing, find_writing

NARROWER = 0.15  # of the shorter side: a stroke, where faint ink is told from shadows
LEAST_SHARE = 0.25  # of all ink: what has less in a second look is grain
MOST_PARTS = 200  # of which the digit is sought; of more, the largest
WORKING = 480  # pixels a side; more tell nothing of one digit
NEAR_BLACK = bytes(range(32))  # MNIST's background is 0 all over; a dark sheet of paper is not
FINE = 4  # a frame's pixel is so many pixels wide while strokes are thinned
THINNED, SMOOTHED = 0.08e-9, 1e-9  # seconds for a fine pixel and what is looked at around it, or how far it spreads
EDGE = 0.3  # of full ink: where a digit's box ends


class Frame(NamedTuple):
    """What the model sees: uint8 [side, side], the names of the steps that made it, and what may be wrong with it."""

    pixels: Grey
    steps: tuple[str, ...]
    judgement: Judgement = Judgement()


class Found(NamedTuple):
    """The digit, as one way of telling ink from paper shows it."""

    writing: Writing
    digit: list[Part]
    mask: Mask
    box: Box
    share: float
    """Of all the ink that is no line's, the digit's."""
    believed: float | None
    """As `believed_if_faint` has it."""


def normalise(pixels: Pixels, preparation: Preparation, budget: Budget = UNLIMITED) -> Frame:
    """uint8 [H, W] or [H, W, 3] -> Frame. Raises NoInk where nothing stands out from the paper, TooMuchWork."""
    if is_frame(pixels, preparation.side):
        if not np.count_nonzero(pixels):
            raise NoInk("the frame is all 0, the background; expected ink, up to 255")
        return Frame(pixels, ("untouched",))
    small = shrink(pixels, WORKING)
    sheet = paint_around(small, budget)
    found = find_digit(sheet, preparation.doubt, budget)
    if found is None:
        raise NoInk(NOTHING)
    writing, cut = found.writing, found.box.cut
    boxed, thinned = fit(crop(writing.soft[cut], found.mask[cut]), preparation, budget)
    names = (
        *([] if sheet is small else ["paint around"]),
        *writing.steps,
        *(["remove specks"] if len(found.digit) < len(writing.parts.names) else []),
        "crop",
        *(["thin"] if thinned else []),
        "fit",
        "centre",
    )
    judgement = judge(writing.separated, writing.parts, found.digit, found.believed, preparation.doubt)
    return Frame(centre(boxed, preparation), names, judgement)


def find_digit(pixels: Pixels, doubt: Doubt, budget: Budget) -> Found | None:
    """Look at faint ink in other ways, too, and take the one in which most speaks for a digit."""
    inked = ink_of(pixels, budget)
    found = _look(inked, doubt, budget)
    if found is not None and found.believed is None:
        return found
    for other in _other_looks(pixels, doubt, budget, uneven=EVENED in inked.steps):
        if other is None or other.believed is None or other.share < LEAST_SHARE:
            continue
        if found is None or found.believed is None or other.believed > found.believed:
            found = other
    return found


def _other_looks(pixels: Pixels, doubt: Doubt, budget: Budget, *, uneven: bool) -> Iterator[Found | None]:
    if uneven:  # else there are no shadows, and the first look was as narrow
        yield _look(ink_of(pixels, budget, NARROWER), doubt, budget)
    if pixels.ndim == 3:
        yield _look(by_colour(pixels, budget), doubt, budget)


def _look(inked: Inked, doubt: Doubt, budget: Budget) -> Found | None:
    writing = find_writing(inked, budget, MOST_PARTS)
    if writing is None:
        return None
    digit = digit_among(writing.parts, writing.ink)
    mask = writing.parts.mask(digit)
    if is_nothing(writing.separated, mask, digit[0]):
        return None
    box = box_around([part.box for part in digit])
    share = float(writing.soft[box.cut][mask[box.cut] > 0].sum()) / float(writing.soft.sum())
    signs = sum(part.borders for part in digit) + ("remove lines" in writing.steps)
    believed = believed_if_faint(writing.separated, writing.ink, mask, share, signs, doubt)
    return Found(writing, digit, mask, box, share, believed)


def is_frame(pixels: Pixels, side: int) -> bool:
    """`side` pixels square with a border that is mostly black: taken for a frame that is ready."""
    if pixels.shape != (side, side):
        return False
    grey = pixels.tobytes()  # for so few, bytes are quicker than arrays
    border = grey[:side] + grey[-side:] + grey[side:-side:side] + grey[2 * side - 1 : -side : side]
    return 2 * len(border.translate(None, delete=NEAR_BLACK)) < len(border)


def crop(soft: Ink, digit: Mask) -> Ink:
    """Of what lies around the digit's parts, one pixel is kept, for their edges."""
    own: Ink = soft * cv2.dilate(digit, np.ones((3, 3), np.uint8))
    return own


def fit(ink: Ink, preparation: Preparation, budget: Budget = UNLIMITED) -> tuple[Ink, bool]:
    """Scale, antialiased, so that the longer side is the box's, with strokes no wider than the thickest.

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
    rows, columns = (np.flatnonzero((fine > EDGE).any(axis=axis)) for axis in (1, 0))
    fine = fine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = cv2.resize(fine, _size(fine, preparation.box), interpolation=cv2.INTER_AREA)
    return small * (255 / small.max()), thinned


def centre(boxed: Ink, preparation: Preparation) -> Grey:
    """Lay on an empty frame, shifted by whole pixels so that the centre of mass comes to the middle."""
    side, middle = preparation.side, preparation.middle
    height, width = boxed.shape
    mass = boxed.sum()
    middle_y = float((boxed.sum(axis=1) @ (np.arange(height) + 0.5)) / mass)
    middle_x = float((boxed.sum(axis=0) @ (np.arange(width) + 0.5)) / mass)
    top = min(max(round(middle - middle_y), 0), side - height)
    left = min(max(round(middle - middle_x), 0), side - width)
    frame = np.zeros((side, side), np.uint8)
    frame[top : top + height, left : left + width] = np.rint(boxed)
    return frame


def _enlarged(ink: Ink, box: int, budget: Budget) -> Ink:
    """As fine as strokes are thinned at, with an empty margin; what had few pixels is smoothed. Raises TooMuchWork."""
    size = _size(ink, box * FINE)
    scale = box * FINE / max(ink.shape)
    fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    fine = cv2.copyMakeBorder(fine, *(2 * FINE + round(scale),) * 4, cv2.BORDER_CONSTANT)
    if scale > 1.5:
        budget.charge(SMOOTHED * fine.size * scale, "smoothing a few large pixels")
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
