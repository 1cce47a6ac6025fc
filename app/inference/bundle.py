"""A bundle on disk: `NAME/VERSION/{model.onnx, manifest.json}`, immutable once written; other files may stand beside.

The model's contract: input `image` uint8 [N, 28, 28] (0 background, 255 ink); output `probabilities`
float32 [N, 10]; optionally output `energy` float32 [N].
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.errors import BundleError

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
NETWORK_FILE = "network.keras"
"""The trained network in 16-bit floats, to train on (training/network.py reads it); the service does not."""
CARD_FILE = "card.html"
"""The model card, for people."""
NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


class _Record(BaseModel):
    # A foreign or newer bundle may carry fields that this version does not know: they are kept, not refused.
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class Thresholds(_Record):
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


class Provenance(_Record):
    """What the model was trained from and with."""

    data_sha256: dict[str, str]
    split: dict[str, int]
    seed: int
    epochs: int
    git_commit: str | None = None
    libraries: dict[str, str]
    recipe: dict[str, Any] | None = Field(None, description="Every option of the training.")


class ClassMetrics(_Record):
    precision: float
    recall: float
    f1: float
    support: int


class Accepted(_Record):
    """Images whose decision is `accept`: their part of all, and the part of them that is right."""

    share: float
    precision: float


class Corrupted(_Record):
    """Test images under one named corruption."""

    accuracy: float
    expected_calibration_error: float


class Metrics(_Record):
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


class Parity(_Record):
    """Keras against ONNX Runtime on the test images."""

    images: int
    max_abs_difference: float
    same_digit: int


class Latency(_Record):
    """Median of one run on one thread, in microseconds, and where it was measured."""

    batch_1_us: float
    batch_64_us: float
    provider: str
    machine: str


class Manifest(_Record):
    name: str = Field(pattern=NAME.pattern)
    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")
    created: datetime
    model_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    labels: list[str] = Field(description="The digits that the columns of `probabilities` stand for.")
    thresholds: Thresholds
    temperature: float | None = Field(None, description="Divides the logits inside the graph; fitted on validation.")
    architecture: str
    parameters: int
    opset: int
    int8: bool = Field(False, description="Convolutions are in 8-bit integers.")
    training: Provenance | None = None
    metrics: Metrics | None = None
    parity: Parity | None = None
    latency: Latency | None = None
    licence: str
    intended_use: str
    limits: str

    @field_validator("labels")
    @classmethod
    def _labels_are_the_digits(cls, labels: list[str]) -> list[str]:
        if sorted(labels) != list("0123456789"):
            raise ValueError(f"labels are the ten digits '0' to '9', each once, in the model's order; got {labels}")
        return labels


class Bundle(NamedTuple):
    """A verified bundle: what its manifest says, and the very bytes whose digest was checked."""

    manifest: Manifest
    model: bytes


def check_name(name: str) -> None:
    """Raises BundleError where a model cannot be called so."""
    if not NAME.fullmatch(name):
        raise BundleError(f"a model cannot be called {name!r}: up to 64 of a-z, 0-9, '.', '_' and '-', as in 'digits'")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read(folder: Path) -> Bundle:
    """Read and verify one version's folder. Raises BundleError where anything is missing or differs."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        model = (folder / MODEL_FILE).read_bytes()
    except (OSError, ValidationError) as error:
        raise BundleError(f"{folder}: {error}") from error
    if (named := (manifest.name, manifest.version)) != (found := (folder.parent.name, folder.name)):
        raise BundleError(f"{folder}: the manifest is of {'/'.join(named)}, the folder of {'/'.join(found)}")
    if (actual := digest(model)) != manifest.model_sha256:
        raise BundleError(f"{folder}: {MODEL_FILE} has SHA-256 {actual}, the manifest says {manifest.model_sha256}")
    return Bundle(manifest, model)


def write(parent: Path, bundle: Bundle, others: Mapping[str, bytes] = MappingProxyType({})) -> Path:
    """Write a new version under `parent` (the model's folder), whole or not at all; returns its folder.

    `others` are files, by name, that stand beside the two that make a bundle.

    Raises BundleError where that version stands already: bundles are immutable.
    """
    folder = parent / bundle.manifest.version
    workspace = make_workspace(parent)
    try:
        manifest = bundle.manifest.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"
        for name, content in {**others, MODEL_FILE: bundle.model, MANIFEST_FILE: manifest}.items():
            _write_durably(workspace / name, content)
        workspace.chmod(0o755)
        workspace.rename(folder)  # atomic; fails where a version with files stands
    except OSError as error:
        raise BundleError(f"{folder} could not be written: {error}") from error
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return folder


def make_workspace(parent: Path) -> Path:
    """An empty folder under a model's, in which a version can be written. Raises BundleError where none can be made."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
    except OSError as error:
        raise BundleError(f"{parent}: no bundle can be written there: {error}") from error


def versions(parent: Path) -> list[str]:
    """Version numbers under a model's folder, newest first."""
    found = [entry.name for entry in parent.iterdir() if entry.name.isdecimal() and entry.is_dir()]
    return sorted(found, key=int, reverse=True)


def names(root: Path) -> Iterator[str]:
    """Names of the models in a folder of bundles."""
    return (entry.name for entry in sorted(root.iterdir()) if entry.is_dir() and versions(entry))


def next_version(parent: Path) -> str:
    return str(int(versions(parent)[0]) + 1) if parent.is_dir() and versions(parent) else "1"


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
