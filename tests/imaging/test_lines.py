"""What a mask holds along a straight way."""

import numpy as np
import pytest

from app.imaging.lines import Line, at, covered, whole, width_of
from tests.imaging.drawn import blocks, ruled


@pytest.mark.parametrize(
    ("end", "flat"), [((10.0, 3.0), True), ((3.0, 10.0), False), ((5.0, 5.0), True), ((-9.0, 2.0), True)]
)
def test_a_line_is_flat_or_upright(end: tuple[float, float], flat: bool) -> None:
    assert Line((0.0, 0.0), end, 1.0).flat is flat


def test_how_much_of_a_way_is_covered() -> None:
    half = blocks(50, 100, (0, 20, 50, 25))
    assert covered(half, (0, 22), (99, 22)) == pytest.approx(0.5, abs=0.02)
    assert covered(half, (0, 22), (45, 22)) == 1
    assert covered(half, (0, 40), (99, 40)) == 0


@pytest.mark.parametrize("thick", [1, 2, 5, 9])
def test_the_width_of_a_line(thick: int) -> None:
    mask = ruled(100, 50, thick=thick)
    middle = 50 + (thick - 1) / 2
    assert width_of(mask, (0, middle), (99, middle)) == pytest.approx(thick, abs=0.5)
    assert width_of(mask.T, (middle, 0), (middle, 99)) == pytest.approx(thick, abs=0.5)


def test_a_line_that_is_not_there_is_narrow() -> None:
    assert width_of(ruled(100), (0, 50), (99, 50)) == 1.0


def test_points_beyond_the_picture_are_its_border() -> None:
    mask = blocks(10, 10, (0, 0, 1, 10))
    assert at(mask, np.array([-7.0, 0.4, 0.6, 30.0]), np.array([5.0, 5.0, 5.0, -2.0])).tolist() == [1, 1, 0, 0]


def test_points_are_drawn_at_whole_pixels() -> None:
    assert whole((2.4, 2.6)) == (2, 3)


def test_gaps_do_not_make_a_line_narrower() -> None:
    broken = ruled(100, 50, thick=5)
    broken[:, np.arange(100) % 10 < 6] = 0
    assert width_of(broken, (0, 52), (99, 52)) == pytest.approx(5, abs=0.5)
