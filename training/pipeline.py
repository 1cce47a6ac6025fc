"""One training from data to run folder, and what a person is shown of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np

from app.tasks.digits.manifest import Provenance
from training import calibrate, provenance, report, scratch_examples
from training import run as runs
from training.architectures import ARCHITECTURES, FRAME, Architecture
from training.data import Mnist
from training.errors import BadOption, TrainingError
from training.evaluate import right_by_source
from training.hands import digits as hands
from training.mixture import is_of_others, others, sha256_of
from training.network import load
from training.pareto import Candidate
from training.recipe import Recipe
from training.run import Record, Run
from training.tracking import UNTRACKED, Tracking
from training.train import History, logits
from training.train import train as fit


class Fitted(NamedTuple):
    """What a training ends with."""

    network: keras.Model
    history: History
    details: Mapping[str, Any] = MappingProxyType({})
    """What the provenance is to say besides."""


def train(
    chosen: Architecture, recipe: Recipe, mnist: Mnist, *, seed: int, folder: Path, tracking: Tracking = UNTRACKED
) -> Run:
    """Train by a recipe and leave a run folder under `folder`; the test set is not looked at.

    An ensemble's members are runs of their own before they are combined. One that a training which was broken off has
    left under `folder` is taken as it is, so that no hour is lost with a later one.
    """
    if recipe.teacher in ARCHITECTURES:
        first = ARCHITECTURES[recipe.teacher]
        runs.check_teacher(recipe.teacher, first.recipe.model_dump(), recipe)
        taught = train(first, first.recipe, mnist, seed=seed, folder=folder, tracking=tracking)
        recipe = recipe.changed({"teacher": str(taught.folder)})
    if recipe.members > 1:
        alone = recipe.changed({"members": 1})
        where: dict[str, Any] = {"folder": folder, "tracking": tracking}
        members = [_member(chosen, alone, mnist, seed=seed + index, **where) for index in range(recipe.members)]
        return combine(members, mnist, folder=folder)
    teacher = load_teacher(recipe, len(mnist.validation.labels))

    def fitted(made: Path) -> Fitted:
        parts: dict[str, Any] = {"training": mnist.train, "validation": mnist.validation, "teacher": teacher}
        parts["others"] = others(len(mnist.train.labels), recipe, seed)
        with tracking.callbacks(made, {"architecture": chosen.name, "seed": seed, **told}) as callbacks:
            network, history = fit(chosen, recipe, **parts, seed=seed, callbacks=callbacks)
        if not is_of_others(told):
            return Fitted(network, history)
        return Fitted(network, history, {"hands": right_by_source(partial(logits, network), hands.validation())})

    told = recipe.model_dump(mode="json")
    if recipe.teacher is not None:
        told["teacher"] = Path(recipe.teacher).resolve().name  # where it lies is this machine's own affair
    return leave_run(chosen.name, told, fitted, mnist, seed=seed, folder=folder)


def _member(chosen: Architecture, recipe: Recipe, mnist: Mnist, *, seed: int, folder: Path, tracking: Tracking) -> Run:
    told = recipe.model_dump(mode="json")
    origin = _origin(mnist, told, seed)
    is_known = provenance.is_clean(origin["git_commit"])  # else the code may have changed meanwhile
    for run in runs.under(folder) if is_known else ():
        same = run.record.training.model_dump(include=set(origin)) == origin
        if same and (run.record.architecture, run.record.recipe) == (chosen.name, told):
            print(f"seed {seed}: taken from {run.folder}, which this very code left")
            return run
    return train(chosen, recipe, mnist, seed=seed, folder=folder, tracking=tracking)


def train_scratch(mnist: Mnist, *, seed: int, folder: Path) -> Run:
    """As `train`, for the network that training/scratch.py trains in NumPy alone."""

    def fitted(_: Path) -> Fitted:
        network, history = scratch_examples.train_mnist(mnist, seed=seed, show=print)
        return Fitted(scratch_examples.to_keras(network), history)

    recipe = Recipe(optimizer="momentum").model_dump(mode="json") | asdict(scratch_examples.MNIST)
    return leave_run("scratch-256-128", recipe, fitted, mnist, seed=seed, folder=folder)


def combine(members: list[Run], mnist: Mnist, *, folder: Path) -> Run:
    """A run whose network averages the logits of several runs' networks; its history is the members' mean.

    Raises BadOption where they are not several runs of one architecture.
    """
    if len(members) < 2 or len({member.record.architecture for member in members}) > 1:
        found = ", ".join(f"{member.folder} ({member.record.architecture})" for member in members)
        raise BadOption(f"an ensemble is made of two or more runs of one architecture; these are: {found}")
    first = members[0].record
    image = keras.layers.Input(FRAME, name="image")
    networks = [_named(member.network(), f"member_{index}") for index, member in enumerate(members)]
    network = keras.Model(image, keras.layers.Average(name="logits")([one(image) for one in networks]))
    record = first.model_copy(
        update={
            "recipe": first.recipe | {"members": len(members)},
            "training": first.training.model_copy(
                update={"seeds": [member.record.training.seed for member in members], "split": mnist.split}
            ),
            "seconds": sum(member.record.seconds for member in members),
            "history": _mean([member.record.history for member in members]),
        }
    )
    return _keep(runs.make_folder(folder, f"{first.architecture}-of-{len(members)}"), record, network, mnist)


def leave_run(
    name: str,
    recipe: dict[str, Any],
    fitted: Callable[[Path], Fitted],
    mnist: Mnist,
    *,
    seed: int,
    folder: Path,
) -> Run:
    """Let `fitted` train, and leave a run folder, which it is told, under `folder`."""
    made = runs.make_folder(folder, name)  # before the hours of training, not after them
    origin, start = _origin(mnist, recipe, seed), time.monotonic()
    network, history, details = fitted(made)
    record = Record(
        architecture=name,
        recipe=recipe,
        training=Provenance(**origin, epochs=len(history["loss"]), **details),
        seconds=round(time.monotonic() - start, 1),
        history=history,
    )
    return _keep(made, record, network, mnist)


def _origin(mnist: Mnist, recipe: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What two trainings by one recipe must share to end alike."""
    return {
        "data_sha256": {**mnist.sha256, **sha256_of(recipe)},
        "split": mnist.split,
        "seed": seed,
        "git_commit": provenance.git_commit(),
        "libraries": provenance.libraries(),
    }


def load_teacher(recipe: Recipe, held_out: int) -> keras.Model | None:
    """The network that a recipe wants to learn from, if any. Raises RunError, BadOption as `find_teacher`."""
    found = runs.find_teacher(recipe, held_out)
    return None if found is None else _named(load(found.network), "teacher")


def summarise(run: Run, mnist: Mnist, candidates: Sequence[Candidate] = ()) -> str:
    """Write the run's report; returns a line on the part of MNIST that it answered last, and where the report is."""
    network = run.network()
    subject = report.gather(run, lambda frames: calibrate.scores(logits(network, frames)), mnist)
    written = run.folder / report.REPORT_FILE
    written.write_text(report.render(subject, pictures=True, candidates=candidates), "utf-8")
    metrics = subject.metrics()
    return (
        f"{subject.part}: {metrics.accuracy:.2%} of {metrics.images:,} right, expected calibration error "
        f"{metrics.expected_calibration_error:.2%}; the report is {written}"
    )


def _keep(folder: Path, record: Record, network: keras.Model, mnist: Mnist) -> Run:
    scores = logits(network, mnist.validation.images)
    if not np.isfinite(scores).all():
        raise TrainingError(f"the training diverged; give a lower --learning-rate or a --clip-norm ({folder} is empty)")
    network.save(folder / runs.MODEL_FILE)
    run = runs.create(folder, record)  # last: what is broken off before leaves no run
    run.keep_answers("validation", calibrate.scores(scores))
    return run


def _named(network: keras.Model, name: str) -> keras.Model:
    """To become part of another, in which names must differ."""
    network.name = name
    return network


def _mean(histories: list[History]) -> History:
    epochs = min(len(history["loss"]) for history in histories)
    names = histories[0]
    return {name: np.mean([history[name][:epochs] for history in histories], axis=0).tolist() for name in names}
