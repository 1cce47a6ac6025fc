"""Searches for a better recipe: trials by Optuna, judged on the validation images alone.

What is made small is the cross-entropy of the validation images after temperature scaling, as a bundle answers them.
Accuracy would tie: one image in 5,000 is 0.02 %. Keras' own validation loss would be another quantity in each trial
once label smoothing, a penalty, non-digits or a teacher is searched over.

Keras is imported only where a trial runs: a worker process imports this module before it can silence Keras.
"""

import contextlib
import io
import itertools
import math
import multiprocessing
import random
import re
import shlex
import warnings
from functools import partial
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
import optuna
from matplotlib import pyplot
from optuna.distributions import CategoricalDistribution, IntDistribution, distribution_to_json
from optuna.trial import Trial, TrialState
from optuna.visualization import matplotlib as plots
from sqlalchemy.exc import SQLAlchemyError

from training import calibrate
from training import run as runs
from training.data import Digits, Labels, split
from training.errors import BadOption, RunError
from training.quiet import import_keras
from training.recipe import Recipe
from training.space import Distribution, Space

matplotlib.use("Agg")  # draws without a screen

Sampler = Literal["tpe", "random", "grid"]
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TRIALS = 20  # where neither the command line nor a grid says how many
IMPORTANCES_FROM = 10  # trials; with fewer they are chance
SHOWN = 10
STUDY = "tune"
LOCK_SECONDS = 60  # that a worker waits while others write


class Search(NamedTuple):
    """What is searched, how, and on which images: all that a worker process needs."""

    architecture: str
    recipe: Recipe
    """Of every trial, but for the fields that are searched over."""
    space: Space
    training: Digits
    validation: Digits
    database: Path
    sampler: Sampler = "tpe"
    trials: int | None = None
    """Of the study in all, whichever command ran them; None: the whole grid, or else 20."""
    prune: bool = True
    seed: int = 0
    """Of every training, so that trials differ by their recipes alone."""
    sampler_seed: int = 0

    def setting(self) -> dict[str, Any]:
        """What trials must have in common to be comparable."""
        return {
            "architecture": self.architecture,
            "recipe": self.recipe.model_dump(mode="json"),
            "search": {field: distribution_to_json(one) for field, one in self.space.items()},
            "images": [len(self.training.labels), len(self.validation.labels)],
            "seed": self.seed,
        }

    def grid(self) -> list[dict[str, Any]]:
        """All combinations of values or, where fewer trials are wanted, so many of them at random."""
        choices = [one.choices for one in self.space.values() if isinstance(one, CategoricalDistribution)]
        points = [dict(zip(self.space, values, strict=True)) for values in itertools.product(*choices)]
        return random.Random(self.sampler_seed).sample(points, min(self.trials or len(points), len(points)))


def database(folder: Path, name: str) -> Path:
    """Where the study of that name is kept. Raises BadOption where it is not fit to name a file."""
    if not re.fullmatch(r"[\w-]+", name):
        raise BadOption(f"--name {name}: only letters, digits, - and _ may be in it")
    return folder / f"tune-{name}.db"


def subset(digits: Digits, images: int) -> Digits:
    """So many of the images, each class in proportion. Raises BadOption where there are fewer."""
    if images > len(digits.labels):
        raise BadOption(f"--images {images}: there are only {len(digits.labels)} to train on")
    return digits.take(split(digits.labels, images)[1])


def run(search: Search, workers: int = 1) -> optuna.Study:
    """Go on until the study has its trials. Those that failed are made up for, unless all that are left fail.

    Raises BadOption where the study was begun with other options, RunError where it cannot be kept or no trial ends.
    """
    study, before = _open(search), -1
    while (left := _left(study, search)) and (finished := _count(study, *FINISHED)) > before:
        _round(search, left, workers)
        before = finished
    if not _count(study, TrialState.COMPLETE):
        raise RunError(f"{search.database}: of {len(study.trials)} trials none came to its end")
    return study


def _open(search: Search) -> optuna.Study:
    if search.recipe.teacher is not None:
        runs.load(Path(search.recipe.teacher))  # here, not first in each trial
    setting = search.setting()
    try:
        search.database.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(storage=_storage(search), study_name=STUDY, load_if_exists=True)
        begun = study.user_attrs.get("setting")
        if begun is None:
            study.set_user_attr("setting", setting)
            return study
    except (OSError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise RunError(f"{search.database}: no study can be kept there: {error}") from error
    if other := [name for name, value in setting.items() if begun[name] != value]:
        raise BadOption(
            f"{search.database}: begun with another {', '.join(other)}; give this search a --name of its own"
        )
    return study


def _storage(search: Search) -> optuna.storages.RDBStorage:
    options = {"connect_args": {"timeout": LOCK_SECONDS}}
    return optuna.storages.RDBStorage(f"sqlite:///{search.database}", engine_kwargs=options)


def _count(study: optuna.Study, *states: TrialState) -> int:
    return len(study.get_trials(deepcopy=False, states=states))


def _left(study: optuna.Study, search: Search) -> int:
    """How many trials are still to run; no worker is at work meanwhile.

    A grid's go into the study's queue. Optuna's own GridSampler runs some twice where workers are several, and takes
    those that failed for done.
    """
    for abandoned in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(abandoned.number, state=TrialState.FAIL)
    if search.sampler != "grid":
        return max(0, (search.trials or TRIALS) - _count(study, *FINISHED))
    known = [one.params for one in study.get_trials(states=FINISHED)]
    known += [one.system_attrs["fixed_params"] for one in study.get_trials(states=[TrialState.WAITING])]
    for point in search.grid():
        if point not in known:
            study.enqueue_trial(point)
    return _count(study, TrialState.WAITING)


def _round(search: Search, trials: int, workers: int) -> None:
    """So many trials, by this process or by several others; what a worker had begun when it died stays undone."""
    spawn = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    tickets = spawn.Semaphore(trials)
    if workers == 1:
        _work(search, tickets, 0)
        return
    numbers = range(min(workers, trials))
    processes = [spawn.Process(target=_work, args=(search, tickets, number), daemon=True) for number in numbers]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _work(search: Search, tickets: Semaphore, worker: int) -> None:
    """Run trials while there are tickets, so that workers neither exceed the total nor wait for one that died."""
    import_keras()
    pruner = optuna.pruners.MedianPruner() if search.prune else optuna.pruners.NopPruner()
    study = optuna.load_study(storage=_storage(search), study_name=STUDY, pruner=pruner)
    command = multiprocessing.parent_process()
    while (command is None or command.is_alive()) and tickets.acquire(block=False):
        study.sampler = _sampler(search, worker, len(study.get_trials(deepcopy=False)))
        study.optimize(partial(_trial, search), n_trials=1, catch=Exception)


def _sampler(search: Search, worker: int, trials: int) -> optuna.samplers.BaseSampler:
    """Seeded anew for each trial: neither a search that goes on nor a second worker draws the same again."""
    seed = int(np.random.SeedSequence([search.sampler_seed, worker, trials]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed) if search.sampler == "tpe" else optuna.samplers.RandomSampler(seed)


def _trial(search: Search, trial: Trial) -> float:
    """Train by one recipe of the space; returns the figure that is to be made small."""
    import keras

    from training.architectures import DIGITS, architecture
    from training.pipeline import load_teacher
    from training.train import logits, train

    def figures(network: keras.Model) -> tuple[float, float]:
        return measure(logits(network, search.validation.images)[:, :DIGITS], search.validation.labels)

    def after_epoch(epoch: int, logs: dict[str, float]) -> None:  # noqa: ARG001 Keras passes it by name
        loss, _ = figures(watch.model)
        trial.report(loss, epoch + 1)
        if trial.should_prune() or math.isinf(loss):
            raise optuna.TrialPruned(f"after epoch {epoch + 1}, at {loss:.4f}")

    watch = keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)
    recipe = search.recipe.changed({field: _suggest(trial, field, one) for field, one in search.space.items()})
    silence = io.StringIO()  # the bars and epochs of several trials at once tell nothing
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        network, _ = train(
            architecture(search.architecture),
            recipe,
            training=search.training,
            validation=search.validation,
            seed=search.seed,
            teacher=load_teacher(recipe),
            callbacks=(watch,),
        )
    loss, accuracy = figures(network)
    trial.set_user_attr("accuracy", accuracy)
    return loss


def _suggest(trial: Trial, field: str, one: Distribution) -> Any:
    if isinstance(one, CategoricalDistribution):
        return trial.suggest_categorical(field, one.choices)
    if isinstance(one, IntDistribution):
        return trial.suggest_int(field, one.low, one.high, log=one.log)
    return trial.suggest_float(field, one.low, one.high, log=one.log)


def measure(logits: calibrate.Logits, labels: Labels) -> tuple[float, float]:
    """Cross-entropy after temperature scaling, in nats an image (infinite where training diverged), and accuracy."""
    if not np.isfinite(logits).all():
        return math.inf, 0.0
    shares = calibrate.softmax(logits, calibrate.temperature(logits, labels))[np.arange(len(labels)), labels]
    return float(-np.log(shares.clip(min=np.finfo(float).tiny)).mean()), float((logits.argmax(axis=1) == labels).mean())


def draw(study: optuna.Study, folder: Path) -> None:
    """Plots of the search as PNG files in a folder."""
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings(), matplotlib.rc_context({"figure.figsize": (8, 5)}):  # Optuna sets styles for good
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        drawn: dict[str, Any] = {
            "history": plots.plot_optimization_history(study, target_name="loss"),
            "epochs": plots.plot_intermediate_values(study),
            "slices": plots.plot_slice(study, target_name="loss"),
            "parallel": plots.plot_parallel_coordinate(study, target_name="loss"),
        }
        if _count(study, TrialState.COMPLETE) >= IMPORTANCES_FROM and len(study.best_params) > 1:
            drawn["importances"] = plots.plot_param_importances(study, target_name="loss")
        for name, axes in drawn.items():
            figure = np.ravel(axes)[0].figure
            figure.savefig(folder / f"{name}.png", dpi=120, bbox_inches="tight")
            pyplot.close(figure)


def summarise(study: optuna.Study, search: Search) -> str:
    """The best trials as a table, and the command line that trains the best one's recipe."""
    ended = sorted(study.get_trials(states=[TrialState.COMPLETE]), key=lambda trial: trial.values)
    rows = [["trial", "loss", "accuracy", *search.space]]
    for one in ended[:SHOWN]:
        params = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in one.params.values()]
        rows.append([str(one.number), f"{one.values[0]:.5f}", f"{one.user_attrs['accuracy']:.2%}", *params])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    counts = (
        f"{len(ended)} trials ended, {_count(study, TrialState.PRUNED)} were pruned, {_count(study, TrialState.FAIL)} "
        f"failed; loss and accuracy are of {len(search.validation.labels):,} validation images"
    )
    return "\n".join([*table, counts, command(search, search.recipe.changed(study.best_params))])


def command(search: Search, recipe: Recipe) -> str:
    """The command line that trains by a recipe, with what differs from the architecture's own."""
    from training.architectures import architecture

    own = architecture(search.architecture).recipe
    words = ["python", "-m", "training", "train", "--arch", search.architecture, "--seed", str(search.seed)]
    for field, value in recipe:
        option = field.replace("_", "-")
        if isinstance(value, bool) and value != getattr(own, field):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value != getattr(own, field):
            words += [f"--{option}", str(value)]
    return shlex.join(words)
