"""Whether ink is dark."""

import numpy as np
import pytest

from app.imaging.polarity import POLARITY, is_ink_dark, is_ink_dark_on_flat
from app.imaging.shades import two_shades
from tests.imaging.drawn import PAPER, after, bar, paper, seconds


@pytest.mark.parametrize("side", [30, 100, 300])
@pytest.mark.parametrize(("shade", "ink"), [(230, 40), (40, 230), (255, 0), (90, 20), (70, 190)])
def test_on_flat_paper(side: int, shade: int, ink: int) -> None:
    grey = bar(side, side, shade, ink)
    assert is_ink_dark_on_flat(grey, two_shades(grey)) is (ink < shade)


def test_a_picture_that_is_mostly_ink() -> None:
    """Cut to its digit: strokes touch the borders, and paper is what reaches farther."""
    grey = paper(60)
    grey[:, 20:27] = grey[5:12] = grey[48:55] = 30
    assert is_ink_dark_on_flat(grey, two_shades(grey))


def lit(grey: np.ndarray) -> np.ndarray:
    return np.rint(grey * np.linspace(1, 0.6, grey.shape[1])).astype(np.uint8)


@pytest.mark.parametrize(("shade", "ink"), [(230, 40), (40, 220)])
def test_under_uneven_light(shade: int, ink: int) -> None:
    assert is_ink_dark(lit(bar(200, 200, shade, ink))) is (ink < shade)


def test_a_shadow_is_no_ink() -> None:
    """It is darker than paper, but wide: the chalk is what is narrow."""
    board = bar(200, 200, 60, 200)
    board[:, 120:] //= 2
    assert not is_ink_dark(board)


@pytest.mark.parametrize("flat", [True, False])
def test_the_stage(flat: bool) -> None:
    shades = two_shades(bar())._replace(flat=flat)
    assert after(POLARITY, bar(), grey=bar(), shades=shades).is_ink_dark
    assert seconds(POLARITY, 50, shades=shades) < seconds(POLARITY, 500, shades=shades)


def test_paper_reaches_farther_than_strokes() -> None:
    """Most of it is dark, the border too, but in narrow strokes, while all that is bright lies in one place."""
    grey = paper(60)
    grey[:, :45] = 30
    grey[::5, :45] = PAPER
    assert is_ink_dark_on_flat(grey, two_shades(grey))
