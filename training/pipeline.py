"""One training from data to run folder, and what a person is shown of it."""

import dataclasses
import time
from pathlib import Path

from app.inference.bundle import Provenance
from training import calibrate, evaluate, provenance, report
from training.architectures import architecture
from training.data import Mnist
from training.run import Record, Run, create, make_folder
from training.train import logits
from training.train import train as fit


def train(arch: str, mnist: Mnist, *, epochs: int | None, seed: int, runs: Path) -> Run:
    """Train by the architecture's recipe and leave a run folder under `runs`; the test set is not looked at."""
    chosen = architecture(arch)
    recipe = dataclasses.replace(chosen.recipe, epochs=epochs or chosen.recipe.epochs)
    folder = make_folder(runs, arch)  # before the hours of training, not after them
    commit, start = provenance.git_commit(), time.monotonic()
    network, history = fit(chosen, recipe, training=mnist.train, validation=mnist.validation, seed=seed)
    record = Record(
        architecture=arch,
        recipe=dataclasses.asdict(recipe),
        training=Provenance(
            data_sha256=dict(mnist.sha256),
            split=mnist.split,
            seed=seed,
            epochs=len(history["loss"]),
            git_commit=commit,
            libraries=provenance.libraries(),
        ),
        seconds=round(time.monotonic() - start, 1),
        history=history,
    )
    run = create(folder, record)
    network.save(run.model)
    run.keep_answers("validation", calibrate.softmax(logits(network, mnist.validation.images)))
    return run


def summarise(run: Run, mnist: Mnist) -> str:
    """Draw the run's plots; returns a line on the part of MNIST that it answered last, and where the plots are."""
    part, answers = run.answers()
    digits = getattr(mnist, part)
    report.report(run, part, digits, answers)
    metrics = evaluate.measure(answers, digits.labels)
    return (
        f"{part}: {metrics.accuracy:.2%} of {metrics.images:,} right, expected calibration error "
        f"{metrics.expected_calibration_error:.2%}; model, record and plots are in {run.folder}"
    )
