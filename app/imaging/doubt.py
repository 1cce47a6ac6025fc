"""Whether what was found may be a digit at all, or is the paper's grain, dirt or a shadow."""

import cv2
import numpy as np

from app.errors import NoInk
from app.imaging.arrays import Ink, Mask, window
from app.imaging.components import Component
from app.imaging.picture import Picture, Separated, Stage
from app.imaging.preparation import Doubt
from app.imaging.verdicts import NO_INK

LEAST = 0.03  # of the paper's light: typical ink below it is the grain of the paper,
FAINT = 0.16  # and below this it is faint
DIRT = 0.04  # of the picture's longer side: what is smaller is dirt
STAIN, SOFT = 0.3, 0.15  # what is no darker and fades by its edge to no less than this may be a shadow
BESIDE = 0.008  # of the picture's longer side: where ink is looked for beside the digit

FIXED_SECONDS, PIXEL_SECONDS, COMPONENT_SECONDS = 0.05e-3, 1.5e-9, 2e-6


def is_nothing(separated: Separated, digit: Mask, main: Component) -> bool:
    """Whether what was found is but dirt or the paper's grain."""
    return main.box.side < DIRT * max(digit.shape) or separated.typical < LEAST


def believed_if_faint(
    separated: Separated, ink: Ink, digit: Mask, alone: float, signs: int, doubt: Doubt
) -> float | None:
    """What energy makes a digit of ink that may be the paper's grain or a shadow; None of ink that cannot be.

    That it stands `alone` (the digit's share of all ink) speaks for a digit. That it fades at its edges speaks against
    one, and so do `signs` of something else: each of the picture's borders that it touches, and printed lines, of which
    it may be what is left.
    """
    fades = _fades(ink, digit) if separated.typical < STAIN else 0.0
    if separated.typical < FAINT or fades > SOFT:
        return doubt.faint + doubt.alone * alone + doubt.fading * fades + doubt.sign * signs
    return None


def _fades(ink: Ink, digit: Mask) -> float:
    """How much ink is a little beside the digit, as a share of what is inside: a pen's stroke ends, a shadow fades."""
    near = max(1, round(BESIDE * max(digit.shape)))
    inner, outer = (cv2.dilate(digit, window(size)) for size in (2 * near + 1, 4 * near + 1))
    beside = ink[outer > inner]
    return float(np.median(beside) / np.median(ink[digit > 0])) if len(beside) else 0.0


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area + COMPONENT_SECONDS * len(picture.digit)


def _run(picture: Picture) -> None:
    separated, digit = picture.separated, picture.digit
    if is_nothing(separated, picture.digit_mask, digit[0]):
        raise NoInk(NO_INK)
    cut = picture.box.cut
    own = float(picture.soft[cut][picture.digit_mask[cut] > 0].sum())
    picture.share = own / float(picture.soft.sum())
    signs = sum(component.borders for component in digit) + bool(picture.lines)
    doubt = picture.preparation.doubt
    picture.believed = believed_if_faint(separated, picture.ink, picture.digit_mask, picture.share, signs, doubt)


DOUBT = Stage("telling ink from grain and shadows", _seconds, _run)
