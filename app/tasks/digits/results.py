"""What is known of a request once the model has run: typed, for any protocol to write down in its own way."""

from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import Box
from app.imaging.normalise import Frame
from app.imaging.verdicts import Verdict
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import Scores
from app.tasks.digits.decisions import Decision
from app.tasks.digits.insides import Layer
from app.tasks.digits.occlusion import Heat
from app.tasks.digits.preprocessor import Batch


class Explanation(NamedTuple):
    """What in the frame speaks for the digit that was read, and for the second most likely one."""

    heat: Heat
    second: int
    second_confidence: np.float32
    second_heat: Heat
    pixels: Frames
    """What the model saw, uint8 [28, 28]."""


class Prediction(NamedTuple):
    """One digit."""

    digit: int
    row: NDArray[np.float32]
    """Its scores, float32 [11]."""
    decision: Decision
    frame: Frame
    """What the model saw."""
    verdict: Verdict
    """On a picture; `ok` of what came as pixels, which are taken as they come."""
    explanation: Explanation | None = None
    layers: list[Layer] | None = None
    """What the model's layers made of the frame."""


@dataclass(frozen=True)
class Predictions:
    """Many digits: the batch with its errors, and scores and decisions of the images without one, in its order."""

    batch: Batch
    scores: Scores
    decisions: list[Decision]
    verdicts: dict[int, Verdict]
    """On those that were pictures, by place in the batch."""


class Digit(NamedTuple):
    """One of a number's."""

    digit: int
    confidence: float
    box: Box


class Reading(NamedTuple):
    """One way to read a number."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Number:
    """A whole number; boxes are in the prepared picture's pixels."""

    best: Reading
    raw: str
    """As it is written, with what stands between the digits."""
    decision: Decision
    box: Box
    digits: list[Digit]
    alternatives: list[Reading]
    line: int
    """On which of the picture's lines it stands, from above."""


@dataclass(frozen=True)
class Numbers:
    """All that were found in one picture, of which `scale` pixels are one of those that boxes are counted in."""

    numbers: list[Number]
    scale: float
    pages: int | None = None
    """Of the PDF of which the picture is a page."""

    @property
    def text(self) -> str:
        """Line by line, with a space between numbers."""
        lines = groupby(self.numbers, key=lambda number: number.line)
        return "\n".join(" ".join(number.best.text for number in line) for _, line in lines)
