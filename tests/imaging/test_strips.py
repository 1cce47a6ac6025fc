"""What a line reader sees of a row."""

import cv2
import numpy as np
import pytest

from app.imaging.arrays import Ink
from app.imaging.numbers import find_numbers
from app.imaging.strips import StripShape, strip_of
from tests.imaging.test_numbers import SIDE, written
from training.constants import PREPARATION

SHAPE = StripShape(height=32, ink=24, ends=8, step=32, longest=512)


def bars(height: int, *columns: int, slope: float = 0.0) -> Ink:
    """Upright bars of 4 pixels in width."""
    ink = np.zeros((height + 400, max(columns) + 100), np.float32)
    for column in columns:
        top = 200 + round(slope * column)
        ink[top : top + height, column : column + 4] = 1
    return ink


@pytest.mark.parametrize("height", [12, 24, 150])
def test_it_is_as_high_as_readers_know_it(height: int) -> None:
    strip = strip_of(ink := bars(height, 20, 20 + 3 * height), ink, SHAPE)
    assert strip is not None
    assert (strip.pixels.shape[0], strip.pixels.shape[1] % SHAPE.step) == (32, 0)
    rows, columns = (np.flatnonzero((strip.pixels > 100).any(axis=axis)) for axis in (1, 0))
    assert abs(rows[0] - 4) <= 1
    assert abs(rows[-1] - 27) <= 1
    assert abs(columns[0] - SHAPE.ends) <= 1


def test_columns_are_found_again_in_the_picture() -> None:
    strip = strip_of(ink := bars(48, 37, 137), ink, SHAPE)
    assert strip is not None
    second = np.flatnonzero((strip.pixels > 100).any(axis=0))[-1]
    assert strip.left + second / strip.scale == pytest.approx(139, abs=3)


def test_what_is_around_is_seen_and_does_not_count() -> None:
    own = bars(48, 60, 120)
    around = own.copy()
    around[252:258, 88:94] = 1  # a comma, below
    with_comma, without = strip_of(own, around, SHAPE), strip_of(own, own, SHAPE)
    assert with_comma is not None
    assert without is not None
    assert with_comma.pixels.shape == without.pixels.shape
    assert (with_comma.pixels[28:] > 100).any()
    assert not without.pixels[29:].any()


def test_a_row_that_slopes_lies_level() -> None:
    """Else the digits of a long one would be small."""
    columns = [*range(20, 420, 40)]
    level = strip_of(ink := bars(40, *columns), ink, SHAPE)
    sloping = strip_of(ink := bars(40, *columns, slope=0.14), ink, SHAPE)
    assert level is not None
    assert sloping is not None
    apart = [
        np.diff(np.flatnonzero(np.diff((strip.pixels > 128).any(axis=0).astype(int)) > 0)) for strip in (level, sloping)
    ]
    assert len(apart[0]) == len(apart[1]) == len(columns) - 1
    assert apart[1].mean() == pytest.approx(apart[0].mean(), rel=0.1)


def test_one_that_is_too_long_or_empty_is_none() -> None:
    ink = bars(10, 20, 20 + 10 * 30)
    assert strip_of(ink, ink, SHAPE) is None
    assert strip_of(np.zeros((50, 50), np.float32), ink[:50, :50], SHAPE) is None


def test_each_number_has_its_own() -> None:
    first, second = find_numbers(written("2057", "31"), PREPARATION, shape=SHAPE)
    assert first.strip is not None
    assert second.strip is not None
    for number, digits in ((first, 4), (second, 2)):
        assert number.strip is not None
        parts, _ = cv2.connectedComponents((number.strip.pixels > 100).astype(np.uint8))
        assert parts - 1 == digits  # and nothing of the other line
        assert number.strip.scale == pytest.approx(24 / (SIDE * 20 / 28), rel=0.15)
    assert all(number.strip is None for number in find_numbers(written("2057"), PREPARATION))
