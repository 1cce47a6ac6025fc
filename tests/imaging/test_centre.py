"""Digits laid on frames."""

import numpy as np
import pytest

from app.imaging.centre import CENTRE, centre
from tests.imaging.drawn import after, bar, seconds
from training.constants import PREPARATION

SIDE, MIDDLE = PREPARATION.side, PREPARATION.middle


def centre_of_mass(frame: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(frame)
    weights = frame[rows, columns].astype(np.float64)
    return np.average(rows + 0.5, weights=weights), np.average(columns + 0.5, weights=weights)


@pytest.mark.parametrize("width", [1, 2, 3, 13, 20])  # arrays of two columns OpenCV takes for points
def test_the_centre_of_mass_comes_to_the_middle(width: int) -> None:
    boxed = np.random.default_rng(width).uniform(50, 255, (20, width)).astype(np.float32)
    frame = centre(boxed, PREPARATION)
    assert (frame.dtype, frame.shape) == (np.uint8, (SIDE, SIDE))
    assert centre_of_mass(frame) == pytest.approx((MIDDLE, MIDDLE), abs=0.51)


def test_all_of_the_digit_stays() -> None:
    """Where its mass lies at one end, it is shifted no farther than to the frame's edge."""
    boxed = np.full((20, 20), 0.6, np.float32)
    boxed[-1] = 255
    frame = centre(boxed, PREPARATION)
    assert frame.sum() == 19 * 20 + 255 * 20
    assert frame[0].any()


def test_shades_are_rounded() -> None:
    assert set(np.unique(centre(np.full((5, 5), 99.6, np.float32), PREPARATION)).tolist()) == {0, 100}


def test_the_stage() -> None:
    picture = after(CENTRE, bar(), boxed=np.full((20, 10), 255, np.float32))
    assert (picture.frame.shape, picture.steps) == ((SIDE, SIDE), ("centre",))
    assert seconds(CENTRE, 50) > 0
