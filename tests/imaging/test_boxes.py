"""Boxes of pixels: what they measure, cut out and surround."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.boxes import Box, box_around

BOXES = st.tuples(*[st.integers(0, 50)] * 4).map(lambda one: Box(one[0], one[1], one[0] + one[2], one[1] + one[3]))


def test_a_box_measures_itself() -> None:
    box = Box(2, 3, 7, 5)
    assert (box.width, box.height, box.side) == (5, 2, 5)


def test_a_box_cuts_rows_and_columns() -> None:
    cut = np.arange(60).reshape(6, 10)[Box(2, 3, 4, 5).cut]
    assert cut.tolist() == [[32, 33], [42, 43]]


@given(st.lists(BOXES, min_size=1, max_size=5))
def test_the_box_around_surrounds_all_and_no_more(boxes: list[Box]) -> None:
    around = box_around(boxes)
    assert all(around.surrounds(box) for box in boxes)
    smaller = (around._replace(left=around.left + 1), around._replace(bottom=around.bottom - 1))
    assert not any(all(one.surrounds(box) for box in boxes) for one in smaller)


def test_a_box_does_not_surround_what_sticks_out() -> None:
    assert not Box(0, 0, 10, 10).surrounds(Box(5, 5, 11, 10))


def test_boxes_meet_where_they_share_a_pixel() -> None:
    assert Box(0, 0, 10, 10).meets(Box(9, 9, 20, 20))
    assert not Box(0, 0, 10, 10).meets(Box(10, 0, 20, 10))
    assert not Box(0, 0, 10, 10).meets(Box(0, 10, 10, 20))
