"""Trains the line reader on composed lines, and says what it reads of others."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from app.inference import bundle
from app.tasks.digits.manifest import Provenance
from app.tasks.lines.manifest import LinesManifest
from training import network, provenance
from training import run as runs
from training.data import Mnist
from training.errors import TrainingError
from training.hands import sources
from training.lines import examples as made
from training.lines.batches import WIDTHS, Batches, filled_width
from training.lines.clock import ByTheClock
from training.lines.examples import Example
from training.lines.hands import held_out_hands, training_hands
from training.lines.network import ALPHABET, SHAPE, build
from training.progress import Progress
from training.recipe import Recipe
from training.run import Record, Run
from training.train import History, optimizer_of

NAME = "lines"
TO_CHOOSE_BY = 4_000  # lines by hands that nothing is trained on
FIRST = 16  # batches, of which the lines are there before training by the clock begins,
STEPS = 200  # of each of its epochs,
ENDLESS = 10**6  # and how many these may be
MARKS = str.maketrans("", "", ALPHABET[10:])


class Read(NamedTuple):
    """Part of some lines that are read right: their digits alone, and as they are written."""

    digits: float
    raw: float


class Start(NamedTuple):
    """A line reader to go on from, and how it was trained."""

    network: keras.Model
    told: dict[str, Any]


def load_start(folder: Path) -> Start:
    """A run's, or the one that a bundle keeps. Raises RunError, BundleError."""
    if (folder / runs.RECORD_FILE).is_file():
        run = runs.load(folder)
        return Start(run.network(), run.record.model_dump(mode="json", include={"recipe", "training", "seconds"}))
    manifest = bundle.read(folder.resolve(), LinesManifest).manifest
    return Start(network.load(folder / bundle.NETWORK_FILE), {"bundle": manifest.label, "training": manifest.training})


def train(
    recipe: Recipe,
    mnist: Mnist,
    *,
    lines: int,
    seed: int,
    folder: Path,
    start: Start | None = None,
    minutes: float | None = None,
) -> Run:
    """Train on so many composed lines and leave a run folder under `folder`. Raises DataError, TrainingError.

    With `minutes` it begins with the first of them, composes the others meanwhile, and ends when the time is over,
    however many epochs that makes.
    """
    keras.utils.set_random_seed(seed)
    reader = build(recipe)
    if start is not None:
        reader.set_weights(start.network.get_weights())
    left = runs.make_folder(folder, NAME)  # before the hours of training, not after them
    began = time.monotonic()
    others = made.draw(held_out_hands(mnist.validation), TO_CHOOSE_BY, seed + 1)
    hands, told = training_hands(mnist.train), recipe.model_dump(mode="json")
    if minutes is None:
        batches = Batches(made.draw(hands, lines, seed), recipe.batch_size, seed)
        history = fit(reader, recipe, batches)
    else:
        with made.composing(hands, lines, seed) as more:
            batches = Batches(more(FIRST * recipe.batch_size), recipe.batch_size, seed, steps=STEPS, more=more)
            history = fit(reader, recipe, batches, ByTheClock(recipe.learning_rate, minutes, left / runs.MODEL_FILE))
        told |= {"minutes": minutes, "epochs": len(history["loss"])}
    if not all(np.isfinite(values).all() for values in (*history.values(), *reader.get_weights())):
        raise TrainingError(f"the training diverged; give a lower --learning-rate ({left} holds no run)")
    reader.save(left / runs.MODEL_FILE)
    read = read_right(reader, others)
    record = Record(
        architecture=NAME,
        recipe=told | {"lines": batches.examples, "start": start and start.told},
        training=Provenance(
            data_sha256={**mnist.sha256, **{one.file: one.sha256 for one in (sources.SWISS, sources.PENDIGITS)}},
            split=mnist.split,
            seed=seed,
            epochs=len(history["loss"]),
            git_commit=provenance.git_commit(),
            libraries=provenance.libraries(),
            validation=read._asdict(),
        ),
        seconds=round(time.monotonic() - began, 1),
        history=history,
    )
    return runs.create(left, record)


def summarise(run: Run) -> str:
    """What it reads of lines by hands that nothing was trained on."""
    read = Read(**(run.record.training.model_extra or {})["validation"])
    return f"of {TO_CHOOSE_BY:,} lines {read.digits:.1%} have all digits right, {read.raw:.1%} all characters"


def fit(reader: keras.Model, recipe: Recipe, batches: Batches, clock: ByTheClock | None = None) -> History:
    """For the recipe's epochs, or by a clock."""
    reader.compile(
        optimizer=optimizer_of(recipe, len(batches), fixed=clock is not None),
        loss=keras.losses.CTC(),
        jit_compile=keras.backend.backend() == "jax",
    )
    epochs = recipe.epochs if clock is None else ENDLESS
    with closing(Progress()) as progress:
        callbacks = [one for one in (clock, progress) if one is not None]
        history = reader.fit(batches, epochs=epochs, callbacks=callbacks, verbose=0)
    return {name: list(map(float, values)) for name, values in history.history.items()}


def read_right(reader: keras.Model, examples: Sequence[Example]) -> Read:
    pairs = list(zip(read(reader, examples), (example.raw for example in examples), strict=True))
    return Read(
        float(np.mean([found.translate(MARKS) == raw.translate(MARKS) for found, raw in pairs])),
        float(np.mean([found == raw for found, raw in pairs])),
    )


def read(reader: keras.Model, examples: Sequence[Example]) -> list[str]:
    """The most likely character of each column, each once where it fills several in a row."""
    found = [""] * len(examples)
    for width in WIDTHS:
        places = [place for place, example in enumerate(examples) if filled_width(example.strip) == width]
        strips = np.zeros((len(places), SHAPE.height, width), np.uint8)
        for strip, place in zip(strips, places, strict=True):
            strip[:, : examples[place].strip.shape[1]] = examples[place].strip
        columns = reader.predict(strips, batch_size=64, verbose=0).argmax(axis=2) if places else strips
        for place, own in zip(places, columns, strict=True):
            kept = own[np.diff(own, prepend=0) != 0]
            found[place] = "".join(ALPHABET[one - 1] for one in kept if one)
    return found
