"""Small pictures made larger."""

import numpy as np
import pytest

from app.imaging.enlarge import ENLARGE, ENOUGH, enlarge
from tests.imaging.drawn import INK, PAPER, after, bar, paper, seconds


@pytest.mark.parametrize(
    ("shape", "made"),
    [((24, 24), (48, 48)), ((24, 36), (48, 72)), ((40, 12), (160, 48)), ((48, 60), (48, 60)), ((12, 60), (12, 60))],
)
def test_the_shorter_side_is_long_enough(shape: tuple[int, int], made: tuple[int, int]) -> None:
    assert enlarge(paper(*shape)).shape == made


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 9), (480, 1)])
def test_any_shape_stays_small(shape: tuple[int, int]) -> None:
    assert enlarge(paper(*shape)).size <= max(4 * ENOUGH**2, shape[0] * shape[1])


def test_what_is_dark_stays_dark() -> None:
    large = enlarge(bar(24, 24))
    assert abs(int(large[24, 22]) - INK) < 10
    assert large[2, 2] == PAPER


def test_the_stage() -> None:
    picture = after(ENLARGE, bar(24, 24), grey=bar(24, 24))
    assert picture.steps == ("enlarge",)
    assert picture.grey.shape == picture.pixels.shape == (ENOUGH, ENOUGH)
    assert seconds(ENLARGE, 20) < seconds(ENLARGE, 40)
    assert not np.array_equal(picture.grey, paper(ENOUGH))
