"""Medians, against numpy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.imaging.medians import ENOUGH, median, paper_around, thinned
from tests.imaging.drawn import PAPER, bar, paper


@given(arrays.arrays(np.float32, st.integers(0, 40).map(lambda n: 2 * n + 1), elements=st.floats(0, 1, width=32)))
def test_of_an_odd_number_it_is_numpys(values: np.ndarray) -> None:
    assert median(values) == float(np.median(values))


def test_it_leaves_the_values_alone() -> None:
    values = np.array([3, 1, 2], np.float32)
    assert median(values) == 2
    assert values.tolist() == [3, 1, 2]


def test_thinning_keeps_about_enough_evenly_spread() -> None:
    ink = np.arange(800 * 500, dtype=np.float32).reshape(800, 500)
    some = thinned(ink)
    assert 0.7 * ENOUGH < some.size < 1.3 * ENOUGH
    assert abs(median(some) / median(ink) - 1) < 0.03
    assert thinned(ink[:20, :20]).size == 400


def test_paper_is_what_lies_around_strokes() -> None:
    assert np.all(paper_around(bar(64, 64)) == PAPER)


def test_paper_follows_a_shadow() -> None:
    shaded = paper(64)
    shaded[:, 32:] = 120
    around = paper_around(shaded)
    assert around[32, 2] == PAPER
    assert around[32, 61] == 120
