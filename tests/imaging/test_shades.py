"""Two shades, and whether light is even."""

import numpy as np
import pytest

from app.imaging.shades import TINIEST, TINY, TWO_SHADES, two_shades
from tests.imaging.drawn import INK, PAPER, after, bar, paper, seconds


def test_a_drawing_has_two_shades() -> None:
    shades = two_shades(bar())
    assert (shades.dark, shades.bright, shades.flat) == (INK, PAPER, True)
    assert INK <= shades.threshold < PAPER


def test_the_shades_of_a_blackboard() -> None:
    shades = two_shades(255 - bar())
    assert (shades.dark, shades.bright, shades.flat) == (255 - PAPER, 255 - INK, True)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_blank_paper_has_one_shade(shade: int) -> None:
    shades = two_shades(paper(50, shade=shade))
    assert shades.dark == shades.bright
    assert shades.flat


def lit(side: int) -> np.ndarray:
    """A bar on paper on which the light fades from left to right."""
    return np.rint(bar(side, side) * np.linspace(1, 0.5, side)).astype(np.uint8)


def test_uneven_light_is_told_from_even() -> None:
    assert not two_shades(lit(100)).flat


def test_too_few_pixels_cannot_be_uneven() -> None:
    shades = two_shades(lit(TINY - 1))
    assert shades.flat
    assert shades.unsure


def test_what_is_of_one_shade_or_large_is_sure() -> None:
    assert not any(two_shades(grey).unsure for grey in (bar(TINY - 1, TINY - 1), bar(), lit(TINY)))


def test_of_the_fewest_pixels_there_is_one_way_to_see_them() -> None:
    assert [two_shades(lit(side)).unsure for side in (TINIEST - 1, TINIEST)] == [False, True]


def test_a_little_grain_is_still_one_shade() -> None:
    grain = np.random.default_rng(0).integers(-8, 9, (100, 100))
    assert two_shades((bar() + grain).astype(np.uint8)).flat


def test_the_stage() -> None:
    assert after(TWO_SHADES, bar(), grey=bar()).shades == two_shades(bar())
    assert seconds(TWO_SHADES, 50) < seconds(TWO_SHADES, 500)
