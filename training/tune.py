"""Searches for a better recipe: trials by Optuna, judged on the validation images alone.

What is made small is the cross-entropy of the validation images after temperature scaling, as a bundle answers them.
Accuracy would tie: one image in 5,000 is 0.02 %. Keras' own validation loss would be another quantity in each trial
once label smoothing, a penalty, non-digits or a teacher is searched over.

Keras is imported only where a trial runs: a worker process imports this module before it can silence Keras.
"""

import contextlib
import fcntl
import io
import itertools
import math
import multiprocessing
import random
import re
from collections.abc import Iterator
from functools import partial
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution, distribution_to_json
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from training import calibrate
from training import run as runs
from training.data import Digits, Labels, split
from training.errors import BadOption, RunError
from training.quiet import import_keras
from training.recipe import Recipe
from training.space import Distribution, Space

Sampler = Literal["tpe", "random", "grid"]
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TRIALS = 20  # where neither the command line nor a grid says how many
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

    Raises BadOption where the study was begun with other options, RunError where it cannot be kept, is at work already
    or no trial ends.
    """
    study, before = _open(search), -1
    with _alone(search.database):
        while (left := _left(study, search)) and (finished := count(study, *FINISHED)) > before:
            _round(search, left, workers)
            before = finished
    if not count(study, TrialState.COMPLETE):
        raise RunError(f"{search.database}: of {len(study.trials)} trials none came to its end")
    return study


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """The study is this command's: another would take the trials that run here for broken off.

    The lock is advisory, apart from SQLite's own on the same file, and ends with the process, however that ends.
    A worker that outlives it ends after its trial, which counts for nothing.
    """
    with database.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"{database}: another command is at work on it; let it end, or give another --name"
            ) from error
        yield


def _open(search: Search) -> optuna.Study:
    runs.find_teacher(search.recipe, len(search.validation.labels))  # here, not first in each trial
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


def count(study: optuna.Study, *states: TrialState) -> int:
    """How many of the trials ended in one of these ways."""
    return len(study.get_trials(deepcopy=False, states=states))


def _left(study: optuna.Study, search: Search) -> int:
    """How many trials are still to run; no worker is at work meanwhile.

    A grid's go into the study's queue. Optuna's own GridSampler runs some twice where workers are several, and takes
    those that failed for done.
    """
    for abandoned in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(abandoned.number, state=TrialState.FAIL)
    if search.sampler != "grid":
        return max(0, (search.trials or TRIALS) - count(study, *FINISHED))
    known = [one.params for one in study.get_trials(states=FINISHED)]
    known += [one.system_attrs["fixed_params"] for one in study.get_trials(states=[TrialState.WAITING])]
    for point in search.grid():
        if point not in known:
            study.enqueue_trial(point)
    return count(study, TrialState.WAITING)


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

    from training.architectures import architecture
    from training.pipeline import load_teacher
    from training.train import logits, train, whole

    def figures(network: keras.Model, *turns: object) -> tuple[float, float]:
        images, labels = search.validation
        return measure(logits(network, (images, *turns) if turns else images), labels)

    def after_epoch(epoch: int, logs: dict[str, float]) -> None:  # noqa: ARG001 Keras passes it by name
        loss, _ = figures(watch.model, whole(search.validation.images))  # what trains is told how far to turn each
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
            teacher=load_teacher(recipe, len(search.validation.labels)),
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
