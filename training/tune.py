"""Searches for a better recipe: trials by Optuna, judged on the validation images alone.

What is made small is the validation images' cross-entropy after temperature scaling, which is how a bundle answers.
Accuracy would tie, one image in 5,000 being 0.02 %; and Keras' own validation loss is another quantity in each trial
once label smoothing, a penalty, non-digits or a teacher is searched over.

Keras is imported where a trial runs: a worker process imports this module first, and only then silences Keras.
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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import matplotlib
import numpy as np
import optuna
from matplotlib import pyplot
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError, TrialPruned
from optuna.trial import FrozenTrial, Trial, TrialState
from optuna.visualization import matplotlib as plots
from sqlalchemy.exc import SQLAlchemyError

from training import calibrate
from training import run as runs
from training.data import Digits, Labels, split
from training.errors import BadOption, RunError
from training.quiet import import_keras
from training.recipe import Recipe

matplotlib.use("Agg")  # draws without a screen

Sampler = Literal["tpe", "random", "grid"]
Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
Space = Mapping[str, Distribution]

RANGE = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+?)(?P<log>:log)?(:(?P<steps>\d+))?")
NOT_SEARCHED = {
    "members": "a trial trains one network",
    "teacher": "runs are no values that a study can hold",
    "validation": "trials on other images are not comparable",
}
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TRIALS = 20  # where neither the command line nor a grid says how many
SHOWN = 10
ENOUGH_FOR_IMPORTANCES = 10
PATIENCE_WITH_LOCK = 60  # seconds that a worker waits while another writes


class Search(NamedTuple):
    """What is searched, by what means, on which images: all that a worker process needs."""

    architecture: str
    recipe: Recipe
    """Of all trials, but for the fields that are searched."""
    space: Space
    training: Digits
    validation: Digits
    database: Path
    sampler: Sampler = "tpe"
    trials: int | None = None
    """In all, with those of earlier runs; None is the whole grid, or else 20."""
    prune: bool = True
    seed: int = 0
    sampler_seed: int = 0

    @property
    def plots(self) -> Path:
        return self.database.with_suffix("")

    @property
    def setting(self) -> dict[str, Any]:
        """What trials must share to be comparable."""
        return {
            "architecture": self.architecture,
            "recipe": self.recipe.model_dump(mode="json"),
            "search": {field: distribution_to_json(one) for field, one in self.space.items()},
            "images": [len(self.training.labels), len(self.validation.labels)],
            "seed": self.seed,
        }


def database(runs: Path, name: str) -> Path:
    """Where a study is kept. Raises BadOption for a name that is no file's name."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise BadOption(f"--name {name}: use letters, digits, - and _ only")
    return runs / f"tune-{name}.db"


def subset(digits: Digits, images: int) -> Digits:
    """So many images, each class in proportion. Raises BadOption where there are fewer."""
    if images > len(digits.labels):
        raise BadOption(f"--images {images}: there are {len(digits.labels)} training images")
    return digits.take(split(digits.labels, images)[1])


def parse(searched: Sequence[str], recipe: Recipe) -> Space:
    """Texts such as `dropout=0..0.5`, `learning_rate=1e-4..1e-2:log`, `l2=0..1e-3:5` or `optimizer=adam,sgd`.

    `:5` makes five values of a range, evenly spaced, with `:log:5` evenly by ratio. Raises BadOption.
    """
    space: dict[str, Distribution] = {}
    for text in searched:
        field, _, values = text.partition("=")
        if field not in Recipe.model_fields or not values:
            raise BadOption(f"--search {text}: write FIELD=LOW..HIGH or FIELD=VALUE,VALUE with a field of the recipe")
        if field in NOT_SEARCHED:
            raise BadOption(f"--search {text}: {field} cannot be searched over: {NOT_SEARCHED[field]}")
        if field in space:
            raise BadOption(f"--search {text}: {field} is searched over already")
        try:
            of_range = RANGE.fullmatch(values)
            space[field] = _range(field, recipe, **of_range.groupdict()) if of_range else _choice(field, recipe, values)
        except (BadOption, ValueError) as error:
            raise BadOption(f"--search {text}: {error}") from error
    return space


def _range(field: str, recipe: Recipe, *, low: str, high: str, log: str | None, steps: str | None) -> Distribution:
    annotation = Recipe.model_fields[field].annotation
    kinds = {int, float} & {annotation, *get_args(annotation)}
    if not kinds:
        raise BadOption(f"{field} is not a number: list its values, with commas between")
    first, last = _value(field, recipe, low), _value(field, recipe, high)
    if not first < last < math.inf:
        raise BadOption("a range goes from a number to a higher one")
    if log and first <= 0:
        raise BadOption("a logarithmic range begins above 0")
    if steps:
        values = (np.geomspace if log else np.linspace)(first, last, int(steps))
        return _choice(field, recipe, ",".join(f"{round(one) if int in kinds else one:.6g}" for one in values))
    return (IntDistribution if int in kinds else FloatDistribution)(first, last, log=bool(log))


def _choice(field: str, recipe: Recipe, values: str) -> Distribution:
    choices = list(dict.fromkeys(_value(field, recipe, value) for value in values.split(",")))
    if len(choices) < 2:
        raise BadOption("there is nothing to choose from: give two values or more")
    return CategoricalDistribution(choices)


def _value(field: str, recipe: Recipe, text: str) -> Any:
    return getattr(recipe.changed({field: text}), field)
