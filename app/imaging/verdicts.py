"""What may be wrong with a picture of a digit, and what its sender can do about it."""

from typing import Literal

import cv2
import numpy as np

from app.imaging.ink import Ink, Mask, Separated
from app.imaging.parts import Box, Part, Parts, box_around

Verdict = Literal["ok", "blank", "faint", "clipped", "several_digits", "not_a_digit", "low_resolution"]

ADVICE: dict[Verdict, str] = {
    "ok": "",
    "blank": "Nothing is written here. Draw a digit, or send another picture.",
    "faint": "The ink hardly stands out from the paper. Draw darker, or with more light.",
    "clipped": "The digit is cut off by the picture's border. Leave some paper around it.",
    "several_digits": "There seem to be several digits. Send one at a time, or the whole picture to /v1/read.",
    "not_a_digit": "This does not look like a digit from 0 to 9. Write it anew, larger and on its own.",
    "low_resolution": "The digit is only a few pixels high. Send a larger picture.",
}

FAINT = 0.16  # of the paper's light: typical ink below it is faint,
GRAIN = 0.045  # below this it may be the grain of the paper,
LEAST = 0.03  # and below this it is
STAIN, SOFT = 0.3, 0.15  # what is no darker and fades by its edge to no less than this may be a shadow
SCATTERED = 0.25  # of all ink: faint ink of which the digit has less may be grain
CLEARLY = -4.0  # an energy at most this is a digit's, however little there is to see
SPECK = 0.04  # of the picture's longer side: what is smaller is dirt
LOW = 9  # pixels of the digit's longer side
MARGIN = 0.08  # of the picture: with so much paper on another side, a digit at the border is cut off by it
TALL, HEAVY = 0.55, 0.2  # of the digit's height and area: a part outside it that is so is another digit


def is_nothing(separated: Separated, digit: Mask, main: Part) -> bool:
    """Whether what was found is but dirt or the paper's grain."""
    return main.box.side < SPECK * max(digit.shape) or separated.typical < LEAST


def judge(separated: Separated, ink: Ink, parts: Parts, digit: list[Part]) -> Verdict:
    """The first that applies, by the picture alone; `confirm` has the last word."""
    if separated.typical < STAIN and _may_be_blank(separated, ink, parts.mask(digit)):
        return "blank"
    if separated.typical < FAINT:
        return "faint"
    box = box_around([part.box for part in digit])
    cut = _is_cut(box, parts.labels.shape)
    others = [part for part in parts.found if part not in digit and _is_digit(part, digit[0])]
    if any(not part.borders for part in others) or (others and not cut):  # else it may be of the same digit
        return "several_digits"
    if cut:
        return "clipped"
    return "low_resolution" if box.side < LOW else "ok"


def confirm(verdict: Verdict, energy: float, threshold: float | None) -> Verdict:
    """What the model adds: whether it is a digit at all. Without energies nothing is added."""
    if threshold is None:
        return verdict
    if verdict == "blank" and energy < CLEARLY:
        return "faint"
    if verdict == "faint" and energy > threshold:
        return "blank"
    return "not_a_digit" if verdict == "ok" and energy > threshold else verdict


def _may_be_blank(separated: Separated, ink: Ink, digit: Mask) -> bool:
    if separated.typical < GRAIN or _fades(ink, digit) > SOFT:
        return True
    return separated.typical < FAINT and float(ink[digit > 0].sum()) < SCATTERED * float(ink.sum())


def _fades(ink: Ink, digit: Mask) -> float:
    """How much ink is a little beside the digit, as a share of what is inside: a pen's stroke ends, a shadow fades."""
    near = max(1, round(0.008 * max(digit.shape)))
    inner, outer = (cv2.dilate(digit, np.ones((size, size), np.uint8)) for size in (2 * near + 1, 4 * near + 1))
    beside = ink[outer > inner]
    return float(np.median(beside) / np.median(ink[digit > 0])) if len(beside) else 0.0


def _is_digit(part: Part, main: Part) -> bool:
    tall = part.box.height > TALL * main.box.height and part.area > HEAVY * main.area
    return tall and not part.box.surrounds(main.box)  # what does is the rest of a printed box


def _is_cut(box: Box, shape: tuple[int, ...]) -> bool:
    """At one border or at two that meet. At opposite ones, or all round, it was cropped to its size."""
    height, width = shape
    left, top, right, bottom = box.left, box.top, width - box.right, height - box.bottom
    if (left == right == 0) or (top == bottom == 0) or min(left, top, right, bottom):
        return False
    return max(left, right) > MARGIN * width or max(top, bottom) > MARGIN * height
