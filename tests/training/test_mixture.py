"""What a network learns its digits from."""

import numpy as np
import pytest

from training.data import Digits
from training.hands import sources
from training.mixture import is_of_others, others, sha256_of, typical
from training.recipe import Recipe

MNIST = Digits(np.zeros((50, 28, 28), np.uint8), np.arange(50) % 10)
at_hand = pytest.mark.skipif(
    not sources.at_hand(sources.SWISS), reason=f"{sources.VARIABLE} names no folder of other hands"
)


def test_without_shares_it_is_mnist_alone() -> None:
    assert others(50, Recipe(), 0) is None
    assert np.array_equal(typical(MNIST, Recipe(), 50).images.sum(axis=0), MNIST.images.sum(axis=0))
    assert not is_of_others(Recipe().model_dump())


def test_strokes_need_no_data_of_anybodys() -> None:
    recipe = Recipe(strokes=2)
    assert is_of_others(recipe.model_dump())
    assert len(others(50, recipe, 0).labels) == 100
    assert sha256_of(recipe.model_dump()) == {}


@at_hand
def test_shares_are_of_mnists_images() -> None:
    recipe = Recipe(scans=0.5, pens=1)
    found = others(50, recipe, 0)
    assert len(found.labels) == 25 + 50
    assert found.images.any(axis=(1, 2)).all()
    assert sha256_of(recipe.model_dump()) == {
        sources.SWISS.file: sources.SWISS.sha256,
        sources.PENDIGITS.file: sources.PENDIGITS.sha256,
    }
