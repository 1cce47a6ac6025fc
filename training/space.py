"""What a search goes through: the fields of a recipe with their ranges or values, as texts on the command line."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from training.errors import BadOption
from training.recipe import Recipe

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
Space = Mapping[str, Distribution]

RANGE = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+?)(?P<log>:log)?(:(?P<steps>\d+))?")
NOT_SEARCHED = (
    "int8",
    "members",
    "teacher",
    "validation",
)
"""Trials train one network each, and are judged by Keras on the same images."""

USUAL = ("learning_rate=3e-4..1e-2:log", "batch_size=32,64,128,256", "dropout=0..0.5")
USUAL_GRID = ("learning_rate=3e-4..1e-2:log:4", "dropout=0,0.2,0.4")
"""What is searched where nothing is said: what every architecture has, and what matters most."""


def usual(fixed: Collection[str], *, grid: bool) -> list[str]:
    """The texts of the space that is searched by default, without the fields that the command line sets.

    Raises BadOption where none is left.
    """
    texts = [text for text in (USUAL_GRID if grid else USUAL) if text.partition("=")[0] not in fixed]
    if not texts:
        raise BadOption(f"all that is searched by default is set already ({', '.join(fixed)}): give a --search")
    return texts


def parse(texts: Sequence[str], recipe: Recipe, *, fixed: Collection[str] = (), grid: bool = False) -> Space:
    """The space of such texts: `dropout=0..0.5`, `learning_rate=1e-4..1e-2:log`, `l2=0..1e-3:5`, `optimizer=adam,sgd`.

    With `:5` it is five values of the range, evenly spaced, by ratio where it is logarithmic.
    `fixed` are the fields that the command line sets. Raises BadOption for what Recipe or the search cannot take.
    """
    space: dict[str, Distribution] = {}
    for text in texts:
        field, _, values = text.partition("=")
        try:
            if field not in Recipe.model_fields or not values:
                raise BadOption("write FIELD=LOW..HIGH or FIELD=VALUE,VALUE with a field of the recipe")
            if field in NOT_SEARCHED:
                raise BadOption(f"{field} cannot differ between the trials of a study")
            if field in space or field in fixed:
                raise BadOption(f"{field} is set already")
            ends = RANGE.fullmatch(values)
            space[field] = _range(field, recipe, **ends.groupdict()) if ends else _choice(field, recipe, values)
            if grid and not isinstance(space[field], CategoricalDistribution):
                raise BadOption("a grid needs values: list them, or say how many the range has, as in 0..0.5:6")
        except BadOption as error:
            raise BadOption(f"--search {text}: {error}") from error
    return space


def _range(field: str, recipe: Recipe, low: str, high: str, log: str | None, steps: str | None) -> Distribution:
    annotation = Recipe.model_fields[field].annotation
    kind = {int, float} & {annotation, *get_args(annotation)}
    if not kind:
        raise BadOption(f"{field} is not a number: list its values")
    first, last = _value(field, recipe, low), _value(field, recipe, high)
    if not first < last:
        raise BadOption("a range goes from a number up to a higher one")
    if log and first <= 0:
        raise BadOption("a logarithmic range begins above 0")
    if steps:
        values = (np.geomspace if log else np.linspace)(first, last, int(steps))
        return _choice(field, recipe, ",".join(f"{one:.0f}" if int in kind else f"{one:.6g}" for one in values))
    return (IntDistribution if int in kind else FloatDistribution)(first, last, log=bool(log))


def _choice(field: str, recipe: Recipe, values: str) -> Distribution:
    choices = list(dict.fromkeys(_value(field, recipe, value) for value in values.split(",")))
    if len(choices) < 2:
        raise BadOption("there must be two values or more to choose from")
    return CategoricalDistribution(choices)


def _value(field: str, recipe: Recipe, text: str) -> Any:
    return getattr(recipe.changed({field: text}), field)
