"""What may be wrong with a picture of a digit, and what its sender can do about it."""

from typing import Literal, NamedTuple

import cv2
import numpy as np

from app.imaging.ink import Ink, Mask, Separated
from app.imaging.parts import Box, Part, Parts, box_around
from app.imaging.preparation import Doubt

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
LEAST = 0.03  # and below this it is the grain of the paper
STAIN, SOFT = 0.3, 0.15  # what is no darker and fades by its edge to no less than this may be a shadow
DIRT = 0.04  # of the picture's longer side: what is smaller is dirt
LOW = 9  # pixels of the digit's longer side
BARE = 0.08  # of the picture: with so much paper on another side, a digit at the border is cut off by it
TALL, HEAVY = 0.55, 0.2  # of the digit's height and area: a part outside it that is so is another digit


class Judgement(NamedTuple):
    """What the picture alone tells, and what it is if the model doubts that this is a digit."""

    verdict: Verdict = "ok"
    doubted: Verdict = "not_a_digit"
    believed: float = 0.0
    """The model doubts it where its energy exceeds its threshold by more than this."""

    def confirmed(self, energy: float, threshold: float | None) -> Verdict:
        """The verdict with what the model adds; without a threshold it adds nothing."""
        doubts = threshold is not None and energy - threshold > self.believed
        return self.doubted if doubts else self.verdict


def is_nothing(separated: Separated, digit: Mask, main: Part) -> bool:
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


def judge(separated: Separated, parts: Parts, digit: list[Part], believed: float | None, doubt: Doubt) -> Judgement:
    """By the picture alone; `believed` as `believed_if_faint` has it."""
    verdict: Verdict = "faint" if separated.typical < FAINT else _of_clear_ink(parts, digit)
    if believed is not None:
        return Judgement(verdict, "blank", believed)
    return Judgement(verdict, "not_a_digit", doubt.clear) if verdict == "ok" else Judgement(verdict, verdict)


def _of_clear_ink(parts: Parts, digit: list[Part]) -> Verdict:
    box = box_around([part.box for part in digit])
    cut = _is_cut(box, parts.labels.shape)
    own = {part.label for part in digit}
    others = [part for part in parts.found if part.label not in own and _is_digit(part, digit[0])]
    if any(not part.borders for part in others) or (others and not cut):  # else it may be of the same digit
        return "several_digits"
    if cut:
        return "clipped"
    return "low_resolution" if box.side < LOW else "ok"


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
    return max(left, right) > BARE * width or max(top, bottom) > BARE * height
