"""The digit cut out."""

import numpy as np

from app.imaging.boxes import Box
from app.imaging.crop import CROP, crop
from tests.imaging.drawn import after, bar, blocks, seconds


def test_one_pixel_around_is_kept_for_the_edge() -> None:
    soft = np.ones((20, 20), np.float32)
    assert np.array_equal(crop(soft, blocks(20, 20, (5, 6, 9, 12))), blocks(20, 20, (4, 5, 10, 13)))


def test_the_stage_takes_its_box_without_what_else_is_in_it() -> None:
    digit = blocks(50, 50, (10, 10, 20, 40), (30, 10, 40, 40))
    soft = np.maximum(digit * 0.5, blocks(50, 50, (24, 20, 26, 22))).astype(np.float32)
    picture = after(CROP, bar(), soft=soft, digit_mask=digit, box=Box(10, 10, 40, 40))
    assert picture.soft.shape == (30, 30)
    assert picture.soft.max() == 0.5
    assert picture.steps == ("crop",)


def test_what_it_costs() -> None:
    assert seconds(CROP, 50) < seconds(CROP, 500)
