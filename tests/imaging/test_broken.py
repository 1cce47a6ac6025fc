"""Digits whose stroke is broken across."""

import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.broken import mended
from app.imaging.components import Components, components_of
from tests.imaging.drawn import blocks

UPPER, LOWER = (100, 40, 130, 68), (104, 71, 132, 100)


def boxes(components: Components) -> list[tuple[int, ...]]:
    return [tuple(component.box) for component in mended(components, UNLIMITED).found]


def of(*places: tuple[int, int, int, int]) -> Components:
    return components_of(blocks(200, 300, *places))


def test_halves_are_one_digit() -> None:
    halves = of(UPPER, LOWER)
    whole = mended(halves, UNLIMITED)
    (digit,) = whole.found
    assert tuple(digit.box) == (100, 40, 132, 100)
    assert digit.area == 30 * 28 + 28 * 29
    assert np.array_equal(whole.mask([digit]), blocks(200, 300, UPPER, LOWER))
    assert sorted(np.unique(halves.labels)) == [0, 1, 2]  # of those that came, nothing is changed


def test_a_speck_beside_them_is_no_digit() -> None:
    assert boxes(of(UPPER, LOWER, (160, 60, 164, 64))) == [(100, 40, 132, 100), (160, 60, 164, 64)]


@pytest.mark.parametrize(
    "places",
    [
        (UPPER,),
        (UPPER, (104, 90, 132, 120)),  # far below
        (UPPER, (120, 71, 150, 100)),  # beside
        (UPPER, (104, 71, 132, 77)),  # a bar
        (UPPER, LOWER, (160, 40, 190, 100)),  # digits of a number
        (UPPER, LOWER, (100, 103, 130, 130)),  # digits of a column
    ],
)
def test_what_stays_apart(places: tuple[tuple[int, int, int, int], ...]) -> None:
    assert boxes(of(*places)) == sorted(places, key=lambda place: place[1])


def test_it_costs() -> None:
    spent = []
    for places in ((UPPER,), (UPPER, LOWER)):
        budget = Budget(1.0)
        mended(of(*places), budget)
        spent.append(1.0 - budget.left)
        with pytest.raises(TooMuchWork, match="broken strokes"):
            mended(of(*places), Budget(1e-7))
    assert 0 < spent[0] < spent[1]
