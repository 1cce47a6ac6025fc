"""Pictures made smaller."""

import numpy as np
import pytest

from app.imaging.shrink import SHRINK, WORKING, shrink
from tests.imaging.drawn import after, bar, paper, seconds


@pytest.mark.parametrize(
    ("shape", "made"), [((10, 20), (10, 20)), ((64, 64), (64, 64)), ((128, 64), (64, 32)), ((100, 250), (25, 64))]
)
def test_the_longer_side_is_as_long_as_wanted(shape: tuple[int, int], made: tuple[int, int]) -> None:
    assert shrink(paper(*shape), 64).shape == made


def test_what_is_small_stays_as_it_is() -> None:
    small = bar(64, 40)
    assert shrink(small, 64) is small


def test_whole_squares_are_averaged() -> None:
    squares = (np.indices((128, 128)).sum(axis=0) % 2 * 200).astype(np.uint8)
    assert np.all(shrink(squares, 64) == 100)


def test_colours_stay_colours() -> None:
    picture = np.dstack([paper(200, shade=shade) for shade in (10, 20, 30)])
    assert shrink(picture, 64)[5, 5].tolist() == [10, 20, 30]


def test_one_row_stays_a_row() -> None:
    assert shrink(paper(1, 5000), 64).shape[0] == 1


def test_the_stage() -> None:
    assert max(after(SHRINK, bar(700, 300)).pixels.shape) == WORKING
    assert after(SHRINK, bar(700, 300)).steps == ()
    assert seconds(SHRINK, 100) == seconds(SHRINK, WORKING) < seconds(SHRINK, 500) < seconds(SHRINK, 900)
