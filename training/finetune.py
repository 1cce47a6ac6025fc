"""Fine-tunes a bundle's network on a user's own images, without letting it forget MNIST.

First the last layer alone learns, on features that stay as they are; then all layers do, at a lower rate. MNIST's
images stand beside the user's in every epoch. Sources: Chollet, "Transfer learning & fine-tuning" (Keras' guide);
Robins, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal", 1995.

A fifth of the user's images is held out, to tell what was gained and for nothing else. So a release fits temperature
and thresholds to MNIST's validation images alone, as those of any other run: the few that are held out could not show
a precision of 99.9 % anyway.
"""

import math
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from pydantic import BaseModel

from app.inference import bundle
from app.tasks.digits.classifier import Scores
from app.tasks.digits.manifest import DigitsManifest, Provenance, read_bundle
from training import calibrate, pipeline
from training import run as runs
from training.architectures import Architecture, architecture
from training.data import Digits, Mnist
from training.errors import Forgotten, NoNetwork
from training.evaluate import part_right
from training.network import load
from training.own_images import Images
from training.pipeline import Fitted
from training.recipe import Recipe
from training.run import Run
from training.tracking import UNTRACKED, Callbacks, Tracking
from training.train import History, logits, train

MNIST_IMAGES, MNIST_TO_OWN = 10_000, 3  # in an epoch; the user's are repeated until they are a third as many
LAST = "logits"  # every architecture's last layer of weights
LOWER = 0.3  # part of the learning rate at which all layers learn
MOST_FORGOTTEN = 0.002
AS_FINE_TUNED = {"precision": "float32", "patience": None, "teacher": None, "warm_up": 0}
"""Whatever the base's recipe says: a saved network computes in float32, and each step runs to its end."""


class Base(NamedTuple):
    """A bundle that is fine-tuned."""

    manifest: DigitsManifest
    training: Provenance
    network: keras.Model


class Change(BaseModel):
    """Of an accuracy, by the fine-tuning."""

    before: float
    after: float

    def __str__(self) -> str:
        return f"{self.before:.2%} right before, {self.after:.2%} after"


class Finetuning(BaseModel):
    """What was fine-tuned, on what, and what came of it: a part of the provenance."""

    base: str
    base_sha256: str
    images_sha256: str
    images: dict[str, int]
    held_out: Change
    validation: Change

    def __str__(self) -> str:
        return f"own images held out: {self.held_out}\nMNIST's validation images: {self.validation}"

    def check_memory(self) -> None:
        """Raises Forgotten where more than 0.2 points of accuracy on MNIST are lost."""
        if round(self.validation.before - self.validation.after, 6) > MOST_FORGOTTEN:
            raise Forgotten(
                f"MNIST is forgotten: of its validation images {self.validation}, and no more than "
                f"{100 * MOST_FORGOTTEN:.1f} points may be lost; no bundle was written. Give a lower --learning-rate "
                "or fewer --epochs, or --allow-forgetting"
            )


def read_base(folder: Path) -> Base:
    """Raises BundleError where the bundle is not whole, NoNetwork where it was written without its network."""
    manifest, _ = read_bundle(folder)
    network = folder / bundle.NETWORK_FILE
    if manifest.training is None or not network.is_file():
        raise NoNetwork(
            f"{folder} was written without its network: it has no {bundle.NETWORK_FILE}, and {bundle.MODEL_FILE} "
            "cannot be trained; train and export that model anew, and fine-tune what is written then"
        )
    return Base(manifest, manifest.training, load(network))


def finetune(
    base: Base,
    own: Images,
    mnist: Mnist,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    folder: Path,
    tracking: Tracking = UNTRACKED,
) -> tuple[Run, Finetuning]:
    """Train the base's network further, by its own recipe but for what is given, and leave a run folder
    under `folder`. Each of the two steps has so many `epochs`.

    Raises BadOption where the rate or the epochs are not what they must be, UnknownArchitecture.
    """
    network, chosen = base.network, architecture(base.manifest.architecture)
    usual = Recipe().changed(base.training.recipe or {})  # where it is not known, nothing is distorted
    recipe = usual.changed({"epochs": epochs, "learning_rate": learning_rate, **AS_FINE_TUNED})

    told, name = recipe.model_dump(mode="json"), f"{base.manifest.name}/{base.manifest.version}"

    def fitted(made: Path) -> Fitted:
        before = [_scores(network, digits) for digits in (own.held_out, mnist.validation)]
        with tracking.callbacks(made, {"base": name, "seed": seed, **told}) as callbacks:
            history = _two_steps(network, chosen, recipe, own.train, mnist, seed, callbacks)
        after = [_scores(network, digits) for digits in (own.held_out, mnist.validation)]
        runs.Own(own.held_out.images, own.held_out.labels, before[0], after[0]).keep(made)
        of_own, of_mnist = (
            Change(before=part_right(one, digits.labels), after=part_right(other, digits.labels))
            for one, other, digits in zip(before, after, (own.held_out, mnist.validation), strict=True)
        )
        finetuning = Finetuning(
            base=name,
            base_sha256=base.manifest.model_sha256,
            images_sha256=own.sha256,
            images={
                "train": len(own.train.labels),
                "held_out": len(own.held_out.labels),
                "left_out": len(own.left_out),
            },
            held_out=of_own,
            validation=of_mnist,
        )
        return Fitted(network, history, {"finetuning": finetuning.model_dump()})

    run = pipeline.leave_run(chosen.name, told, fitted, mnist, seed=seed, folder=folder)
    return run, Finetuning.model_validate((run.record.training.model_extra or {})["finetuning"])


def _two_steps(
    network: keras.Model,
    chosen: Architecture,
    recipe: Recipe,
    own: Digits,
    mnist: Mnist,
    seed: int,
    callbacks: Callbacks,
) -> History:
    random, history = np.random.default_rng(seed), History()
    for whole in (False, True):
        print("all layers:" if whole else "the last layer:")
        _let_learn(network, whole=whole)
        _, figures = train(
            chosen,
            recipe.changed({"learning_rate": recipe.learning_rate * (LOWER if whole else 1)}),
            training=_beside_mnist(own, mnist.train, random),
            validation=mnist.validation,
            seed=seed,
            network=network,
            callbacks=callbacks,
        )
        history = {name: history.get(name, []) + values for name, values in figures.items()}
    return history


def _let_learn(network: keras.Model, *, whole: bool) -> None:
    """The whole network, or its last layer of weights alone: of an ensemble, each member's."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            _let_learn(layer, whole=whole)
        else:
            layer.trainable = whole or layer.name == LAST


def _beside_mnist(own: Digits, known: Digits, random: np.random.Generator) -> Digits:
    """The user's images, repeated, and some of MNIST's."""
    drawn = known.take(random.permutation(len(known.labels))[:MNIST_IMAGES])
    times = math.ceil(len(drawn.labels) / (MNIST_TO_OWN * len(own.labels)))
    return Digits(
        np.concatenate([drawn.images, *[own.images] * times]),
        np.concatenate([drawn.labels, *[own.labels] * times]),
    )


def _scores(network: keras.Model, digits: Digits) -> Scores:
    """What it answers, float32 [N, 11]."""
    return calibrate.scores(logits(network, digits.images)).astype(np.float32)
