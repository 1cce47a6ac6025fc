"""Windows have a middle."""

import numpy as np
import pytest

from app.imaging.arrays import odd, window


@pytest.mark.parametrize(("size", "side"), [(0.0, 3), (3.9, 3), (4.0, 5), (5.99, 5), (10.0, 11), (42.7, 43)])
def test_a_window_has_a_pixel_in_its_middle(size: float, side: int) -> None:
    assert odd(size) == side


def test_a_window_is_all_of_a_square() -> None:
    assert np.array_equal(window(5), np.ones((5, 5)))
    assert window(5).dtype == np.uint8
