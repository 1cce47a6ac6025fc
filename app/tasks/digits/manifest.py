"""What a digit model's manifest says beside what all say: every constant that was fitted to it, and where it is from.

`training` writes it; the service, the evaluation and the number reading take their constants from here alone.
"""

import base64
import io
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from PIL import Image
from pydantic import Field, field_validator, model_validator

from app.imaging.preparation import Preparation
from app.inference import bundle
from app.inference.bundle import Bundle, Manifest, Record
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.beam import NumberWeights

TASK = "digits"


class Thresholds(Record):
    """Decision by confidence: at least `accept` accepts, below `review` rejects, between is for a person. What has more
    than `energy` is no digit, and is rejected whatever the confidence.
    """

    accept: float = Field(ge=0, le=1)
    review: float = Field(ge=0, le=1)
    energy: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review > self.accept:
            raise ValueError(f"review ({self.review}) must not be above accept ({self.accept})")
        return self


class Provenance(Record):
    """What the model was trained from and with."""

    data_sha256: dict[str, str]
    split: dict[str, int]
    seed: int
    epochs: int
    git_commit: str | None = None
    libraries: dict[str, str]
    recipe: dict[str, Any] | None = Field(None, description="Every option of the training.")


class ClassMetrics(Record):
    precision: float
    recall: float
    f1: float
    support: int


class Accepted(Record):
    """Images whose decision is `accept`: their part of all, and the part of them that is right."""

    share: float
    precision: float


class Corrupted(Record):
    """Test images under one named corruption."""

    accuracy: float
    expected_calibration_error: float


class OtherHands(Record):
    """Digits that writers of other countries wrote, by which nothing was trained or chosen."""

    source: str
    images: int
    accuracy: float
    by_contributor: dict[str, float] = Field(description="Accuracy for each group of writers that were asked together.")
    expected_calibration_error: float
    accepted: Accepted


class Evaluation(Record):
    """Read once on the test set."""

    images: int
    accuracy: float
    per_class: dict[str, ClassMetrics]
    confusion_matrix: list[list[int]] = Field(description="Rows: the true digit; columns: the digit read.")
    expected_calibration_error: float = Field(description="15 equal-width bins of confidence.")
    accepted: Accepted | None = None
    corruptions: dict[str, Corrupted] | None = Field(None, description="By name, as in training/corruptions.py.")
    non_digit_auroc: dict[str, float] | None = Field(
        None, description="How well the energy tells digits from each kind of non-digit, and from all: 1 is perfectly."
    )
    other_hands: OtherHands | None = None


class Parity(Record):
    """Keras against ONNX Runtime on the test images."""

    images: int
    max_abs_difference: float
    same_digit: int


class Latency(Record):
    """Median of one run on one thread, in microseconds, and where it was measured."""

    batch_1_us: float
    batch_64_us: float
    provider: str
    machine: str


class Golden(Record):
    """Frames that a sound model of this kind reads: a version that reads fewer than `least_right` is not made live."""

    images: list[str] = Field(min_length=1, description="28x28 grey PNGs, base64; 0 background, 255 ink.")
    digits: list[int] = Field(description="What they show.")
    least_right: int = Field(ge=1)

    @model_validator(mode="after")
    def _images_are_frames(self) -> Self:
        if len(self.images) != len(self.digits):
            raise ValueError(f"{len(self.images)} golden images, but {len(self.digits)} digits")
        if self.frames().shape[1:] != (SIDE, SIDE):
            raise ValueError(f"golden images are {SIDE}x{SIDE} pixels")
        return self

    def frames(self) -> Frames:
        """uint8 [N, 28, 28]."""
        return np.stack(
            [np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")) for text in self.images]
        )


class DigitsManifest(Manifest):
    task: Literal["digits"] = "digits"
    labels: list[str] = Field(description="The digits that the columns of `probabilities` stand for.")
    thresholds: Thresholds
    preparation: Preparation = Field(description="How a picture becomes the frame that the model sees.")
    numbers: NumberWeights = Field(description="What speaks against a way of reading a number.")
    golden: Golden
    temperature: float | None = Field(None, description="Divides the logits inside the graph; fitted on validation.")
    architecture: str
    parameters: int
    opset: int
    int8: bool = Field(False, description="Convolutions are in 8-bit integers.")
    training: Provenance | None = None
    metrics: Evaluation | None = None
    parity: Parity | None = None
    latency: Latency | None = None
    licence: str
    intended_use: str
    limits: str

    def summary(self) -> str:
        accuracy = f"{self.metrics.accuracy:.2%}" if self.metrics else "unknown"
        return f"{self.architecture}  accuracy {accuracy}"

    @field_validator("labels")
    @classmethod
    def _labels_are_the_digits(cls, labels: list[str]) -> list[str]:
        if sorted(labels) != list("0123456789"):
            raise ValueError(f"labels are the ten digits '0' to '9', each once, in the model's order; got {labels}")
        return labels


def read_bundle(folder: Path) -> Bundle[DigitsManifest]:
    """Read and verify the bundle of a digit model. Raises BundleError."""
    return bundle.read(folder, DigitsManifest)
