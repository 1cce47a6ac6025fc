"""What a network learns its digits from: MNIST's, and those of other hands, in the shares that a recipe says."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.data import Digits, joined
from training.hands import digits as hands
from training.hands import generator, sources
from training.recipe import Recipe

OTHERS = "scans", "pens", "strokes"  # fields of a recipe
BESIDE = 0.15  # part of the drawn trajectories with something left beside them


def others(count: int, recipe: Recipe, seed: int) -> Digits | None:
    """Digits of other hands, if the recipe wants some, in its shares of `count`. Raises DataError where they cannot be
    had.
    """
    parts = []
    if recipe.scans:
        parts.append(_as_many(hands.scans(), round(recipe.scans * count), seed))
    if recipe.pens:
        parts.append(hands.drawn(hands.trajectories(), round(recipe.pens * count), seed, beside=BESIDE))
    if recipe.strokes:
        parts.append(generator.draw(round(recipe.strokes * count), seed))
    return joined(parts) if parts else None


def chosen_by(mnist: Digits, recipe: Mapping[str, Any]) -> Digits:
    """The images by which temperature and thresholds are fitted: MNIST's held-out ones, and where a recipe's network
    has learnt from other hands, as many of each other source's held-out writers. Raises DataError.
    """
    if not is_of_others(recipe):
        return mnist
    return joined([mnist, *(_as_many(one, len(mnist.labels), 0) for one in hands.validation().values())])


def typical(mnist: Digits, recipe: Recipe, count: int) -> Digits:
    """`count` of the training digits, in their shares."""
    of_others = others(count, recipe, 0)
    parts = [mnist.take(np.arange(count)), *([of_others] if of_others else [])]
    return _as_many(joined(parts), count, 0)


def sha256_of(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Of the files that a mixture is read from, besides MNIST's; of a recipe's fields."""
    read = [sources.SWISS] * bool(recipe.get("scans")) + [sources.PENDIGITS] * bool(recipe.get("pens"))
    return {one.file: one.sha256 for one in read}


def is_of_others(recipe: Mapping[str, Any]) -> bool:
    """Whether digits of other hands are trained on, by a recipe's fields."""
    return any(recipe.get(field) for field in OTHERS)


def _as_many(known: Digits, count: int, seed: int) -> Digits:
    """Each as often as any other to within one."""
    random = np.random.default_rng(seed)
    rounds = [random.permutation(len(known.labels)) for _ in range(-(-count // len(known.labels)))]
    return known.take(np.concatenate(rounds)[:count])
