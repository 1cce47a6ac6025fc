"""Searches for a better recipe: trials by Optuna, judged on the validation images alone.

Keras is imported only where a trial runs: a worker process imports this module before it can silence Keras.
"""

import contextlib
import fcntl
import itertools
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
from optuna.distributions import CategoricalDistribution, distribution_to_json
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from training import run as runs
from training import trial
from training.chart import duration
from training.data import Digits, split
from training.errors import BadOption, RunError
from training.quiet import import_keras
from training.recipe import Recipe
from training.space import Space

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

    def wanted(self) -> int:
        """Trials in all."""
        return len(self.grid()) if self.sampler == "grid" else self.trials or TRIALS

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
        return max(0, search.wanted() - count(study, *FINISHED))
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
        _work(search, tickets, workers, 0)
        return
    busy = min(workers, trials)  # one of several, too, is a process: its death is not the command's
    tasks = [(search, tickets, busy, number) for number in range(busy)]
    processes = [spawn.Process(target=_work, args=task, daemon=True) for task in tasks]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _work(search: Search, tickets: Semaphore, workers: int, worker: int) -> None:
    """Run trials while there are tickets, so that workers neither exceed the total nor wait for one that died."""

    def tell(study: optuna.Study, _: object) -> None:
        ended = study.get_trials(deepcopy=False, states=FINISHED)
        seconds = sum((one.duration.total_seconds() for one in ended if one.duration), 0.0)
        left = seconds / max(len(ended), 1) * max(0, search.wanted() - len(ended)) / workers
        print(f"{len(ended)} of {search.wanted()} trials" + (f", {duration(left)} left" if left else ""), flush=True)

    import_keras()
    pruner = optuna.pruners.MedianPruner() if search.prune else optuna.pruners.NopPruner()
    study = optuna.load_study(storage=_storage(search), study_name=STUDY, pruner=pruner)
    command = multiprocessing.parent_process()
    while (command is None or command.is_alive()) and tickets.acquire(block=False):
        study.sampler = _sampler(search, worker, len(study.get_trials(deepcopy=False)))
        study.optimize(partial(trial.run, search), n_trials=1, catch=Exception, callbacks=[tell])


def _sampler(search: Search, worker: int, trials: int) -> optuna.samplers.BaseSampler:
    """Seeded anew for each trial: neither a search that goes on nor a second worker draws the same again."""
    seed = int(np.random.SeedSequence([search.sampler_seed, worker, trials]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed) if search.sampler == "tpe" else optuna.samplers.RandomSampler(seed)
