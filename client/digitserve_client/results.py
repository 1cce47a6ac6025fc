"""The typed answers. Fields that the service adds later are ignored here until they have a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Decision = Literal["accept", "review", "reject"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Which model answered."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class InputReport:
    """What the service made of an image before the model saw it; raw 28x28 frames have none."""

    steps: tuple[str, ...] = ()
    verdict: str | None = None
    """`ok`, or what is wrong with the picture."""
    advice: str = ""
    """A sentence on what its sender can do about that; empty where nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One image's answer.

    `confidence` and the ten `probabilities` (of the digits 0 to 9) are calibrated and lie in 0..1. The higher the
    `energy`, the less like a digit the image is; None where the model gives none. `seen` is
    the 28x28 frame that the model saw, as PNG bytes, when it was asked for. `server_timing` maps the stages
    of the service to milliseconds; in a batch it and `request_id` are those of the whole batch. `name` is the
    file's, where the image went out as a file of its own in a batch.
    """

    digit: int
    confidence: float
    decision: Decision
    probabilities: tuple[float, ...]
    model: ModelVersion
    energy: float | None = None
    input: InputReport | None = None
    seen: bytes | None = None
    name: str | None = None
    request_id: str | None = None
    server_timing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What in the 28x28 frame speaks for one digit.

    `values` are 28 rows of 28 numbers: how much the digit's log-odds fall where that pixel is covered. `heatmap` shows
    them over the frame, as PNG bytes: red for the digit, blue against it.
    """

    digit: int
    confidence: float
    values: tuple[tuple[float, ...], ...]
    heatmap: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction, what speaks for it, and what for the next most likely digit."""

    prediction: Prediction
    evidence: Evidence
    runner_up: Evidence


@dataclass(frozen=True, slots=True)
class NumberDigit:
    """One digit of a number; `box` as Number's."""

    digit: int
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in a picture. `box` is left, top, width and height in the picture's own pixels, upright.

    `alternatives` are the next most likely readings with their confidences, the best first; `line` is on which of the
    picture's lines it stands, 0 being the first. `text` are its digits; `raw` is how they are written, as "$1,250.00".
    """

    text: str
    confidence: float
    decision: Decision
    box: Box
    digits: tuple[NumberDigit, ...]
    model: ModelVersion
    alternatives: tuple[tuple[str, float], ...] = ()
    line: int = 0
    raw: str = ""
    request_id: str | None = None
    server_timing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why one image of a batch has no prediction; its neighbours are not affected."""

    status: int
    code: str
    detail: str
    title: str = ""
    name: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One live version of a model. `default` is the one that answers when none is asked for.

    `details` is all that the service says of it, as it came.
    """

    name: str
    version: str
    default: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold, as the service says; by default what services allow that do not say it.

    `deadline_seconds` is how long a request may take from its head to its answer; `images_per_second` how many images a
    caller may send to each worker, None for any number. `unpacked_bytes` is of a ZIP archive.
    """

    body_bytes: int = 32 << 20
    image_pixels: int = 64_000_000
    batch_images: int = 16_384
    batch_pixels: int = 512_000_000
    unpacked_bytes: int = 256 << 20
    deadline_seconds: float = 20.0
    images_per_second: float | None = None
