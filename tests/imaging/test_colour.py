"""Ink by its colour alone."""

import numpy as np

from app.imaging.colour import COLOUR, by_colour
from tests.imaging.drawn import after, seconds

RED = np.array([230, 190, 190])


def faint_red(light: np.ndarray) -> np.ndarray:
    """A stroke that is hardly darker than its paper, under some light."""
    picture = np.full((120, 120, 3), 230.0)
    picture[30:90, 52:68] = RED
    return np.rint(picture * light).astype(np.uint8)


def test_coloured_ink_stands_out() -> None:
    ink = by_colour(faint_red(np.ones((120, 120, 1))))
    assert (ink.dtype, ink.shape) == (np.float32, (120, 120))
    assert ink[60, 60] > 0.15
    assert ink[:20].max() < 0.02


def test_light_and_shadow_change_nothing() -> None:
    light = np.where(np.arange(120)[:, None, None] < 60, 1.0, 0.6) * np.ones((1, 120, 1))
    even, shaded = by_colour(faint_red(np.ones((120, 120, 1)))), by_colour(faint_red(light))
    assert shaded[75, 60] > 0.15
    assert np.abs(shaded[5:50] - even[5:50]).max() < 0.05
    assert shaded[100].max() < 0.05  # bare paper in the shadow


def test_black_ink_has_no_colour() -> None:
    picture = np.full((120, 120, 3), 230, np.uint8)
    picture[30:90, 52:68] = 30
    assert by_colour(picture).max() < 0.05


def test_the_stage() -> None:
    picture = after(COLOUR, faint_red(np.ones((120, 120, 1))))
    assert picture.steps == ("colour alone",)
    assert np.array_equal(picture.ink, by_colour(picture.pixels))
    assert seconds(COLOUR, 50) < seconds(COLOUR, 500)


def test_paper_may_have_a_colour_that_changes() -> None:
    tinted = np.ones((120, 120, 3))
    tinted[..., 2] = np.linspace(1, 0.75, 120)
    ink = by_colour(faint_red(tinted))
    assert ink[60, 60] > 0.1
    assert ink[10:20, 20:100].max() < 0.06
