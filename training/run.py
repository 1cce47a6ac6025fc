"""A run folder: all that one training leaves behind, enough to export or report it anew.

`model.keras` is the network, `run.json` the record, `report.html` what a person reads of it; `manifest.json` is of the
bundle that it was released as. Answers are float32 [N, 11], the probabilities and the energy: `validation.npy` the
network's before calibration, `test.npy` the bundle's, only where the run was exported. `own.npz` holds a user's
held-out images with both networks' answers, where it was a fine-tuning.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from app.inference import bundle
from app.inference.bundle import Bundle
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import Scores
from app.tasks.digits.manifest import DigitsManifest, Provenance, read_bundle
from training.data import VALIDATION_IMAGES, Labels
from training.errors import BadOption, RunError
from training.recipe import Recipe

if TYPE_CHECKING:
    import keras

MODEL_FILE, RECORD_FILE, OWN_FILE = "model.keras", "run.json", "own.npz"
PARTS = ("test", "validation")


class Record(BaseModel):
    """What was trained, how, and how it went, epoch by epoch."""

    architecture: str
    recipe: dict[str, Any]
    training: Provenance
    seconds: float
    history: dict[str, list[float]]


class Own(NamedTuple):
    """A user's own images that a fine-tuning held out, and how they were read before and after it."""

    images: Frames
    labels: Labels
    before: Scores
    after: Scores

    def keep(self, folder: Path) -> None:
        np.savez_compressed(folder / OWN_FILE, **self._asdict())


class Run(NamedTuple):
    folder: Path
    record: Record

    @property
    def model(self) -> Path:
        return self.folder / MODEL_FILE

    def network(self) -> "keras.Model":
        """Raises RunError where it is damaged."""
        from training import network  # only here: a record is read without Keras

        return network.load(self.model)

    @property
    def int8(self) -> bool:
        """Whether it is exported in integers unless told otherwise."""
        return bool(self.record.recipe.get("int8"))

    def keep_answers(self, part: str, scores: NDArray[np.floating[Any]]) -> None:
        np.save(self.folder / f"{part}.npy", scores.astype(np.float32))

    def answers(self) -> tuple[str, Scores]:
        """The part of MNIST that was answered last (the test set where the run was exported), and the answers."""
        for part in PARTS:
            if (path := self.folder / f"{part}.npy").is_file():
                return part, np.load(path)
        raise RunError(f"{self.folder}: holds no answers ({' or '.join(f'{part}.npy' for part in PARTS)})")

    def own(self) -> Own | None:
        if not (path := self.folder / OWN_FILE).is_file():
            return None
        with np.load(path) as kept:
            return Own(**kept)


Trained = Run | Bundle[DigitsManifest]


class Teacher(NamedTuple):
    """A network to learn from."""

    recipe: Mapping[str, Any]
    held_out: int
    """Of MNIST's training images, from its training."""
    network: Path


def find_teacher(recipe: Recipe, held_out: int) -> Teacher | None:
    """The one that a recipe wants to learn from, if any, with so many images held out for validation.

    Raises RunError where there is none, BadOption where it would teach what is untrue, or has learnt what is held out.
    """
    if recipe.teacher is None:
        return None
    found = _teacher(Path(recipe.teacher))
    check_teacher(recipe.teacher, found.recipe, recipe)
    if found.held_out < held_out:
        raise BadOption(
            f"teacher: {recipe.teacher} has learnt some of the {held_out:,} validation images, as only "
            f"{found.held_out:,} were held out of its training; give --validation {found.held_out} or less"
        )
    return found


def _teacher(folder: Path) -> Teacher:
    """A run's network, or that which a bundle keeps."""
    network = folder / bundle.NETWORK_FILE
    if (folder / RECORD_FILE).is_file() or not network.is_file():
        run = load(folder)
        return Teacher(run.record.recipe, run.record.training.split["validation"], run.model)
    training = read_bundle(folder).manifest.training
    if training is None or training.recipe is None:
        raise RunError(f"{folder}: does not say how its network was trained")
    return Teacher(training.recipe, training.split["validation"], network)


def check_teacher(name: str, of_teacher: Mapping[str, Any], recipe: Recipe) -> None:
    """Raises BadOption where a teacher of such a recipe does not know what the other is to be taught."""
    if recipe.non_digits and not of_teacher.get("non_digits"):
        raise BadOption(f"teacher: {name} was not taught what is no digit; choose another, or --non-digits 0")


def make_folder(runs: Path, architecture: str) -> Path:
    """A new folder under `runs`, named by time and architecture. Raises RunError where it cannot be made."""
    folder = runs / f"{datetime.now():%Y%m%d-%H%M%S-%f}-{architecture}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{folder}: no run folder can be made there: {error}") from error
    return folder


def create(folder: Path, record: Record) -> Run:
    """A run in its folder, with its record written."""
    (folder / RECORD_FILE).write_text(record.model_dump_json(indent=2) + "\n")
    return Run(folder, record)


def under(folder: Path) -> Iterator[Run]:
    """The finished runs in a folder of runs, the newest first."""
    for path in sorted(folder.glob("*"), reverse=True):
        with suppress(RunError):
            yield load(path)


def load_either(folder: Path) -> Trained:
    """What is in a run's or a bundle's folder. Raises RunError, BundleError."""
    return load(folder) if (folder / RECORD_FILE).is_file() else read_bundle(folder.resolve())


def held_out(*trained: Trained) -> int:
    """How many validation images none was trained on: a smaller validation set is a part of a larger one."""
    trainings = [one.record.training if isinstance(one, Run) else one.manifest.training for one in trained]
    return min(training.split["validation"] if training else VALIDATION_IMAGES for training in trainings)


def load(folder: Path) -> Run:
    """Raises RunError where the folder is not a run's."""
    try:
        run = Run(folder, Record.model_validate_json((folder / RECORD_FILE).read_bytes()))
    except (OSError, ValidationError) as error:
        raise RunError(f"{folder}: not a run folder: {error}") from error
    if not run.model.is_file():
        raise RunError(f"{folder}: not a whole run: {MODEL_FILE} is missing")
    return run
