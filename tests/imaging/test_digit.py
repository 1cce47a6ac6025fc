"""Which components are the digit."""

import numpy as np
import pytest

from app.imaging.components import components_of
from app.imaging.digit import DIGIT, digit_among
from tests.imaging.drawn import after, bar, blocks, seconds

Place = tuple[int, int, int, int]
BODY = (80, 80, 120, 150)


def chosen(*places: Place, side: int = 200) -> set[Place]:
    mask = blocks(side, side, *places)
    return {tuple(one.box) for one in digit_among(components_of(mask), mask.astype(np.float32))}


def test_one_component_is_the_digit() -> None:
    assert chosen((0, 0, 30, 60)) == {(0, 0, 30, 60)}


def test_the_bar_of_a_broken_five_belongs_to_it() -> None:
    bar_above = (85, 68, 125, 74)
    assert chosen(BODY, bar_above) == {BODY, bar_above}


def test_parts_are_joined_one_after_the_other() -> None:
    near, farther = (124, 80, 134, 120), (140, 80, 150, 120)
    assert chosen(BODY, near, farther) == {BODY, near, farther}


@pytest.mark.parametrize(
    "other",
    [
        (125, 82, 160, 150),  # beside it and as tall: the next digit
        (82, 175, 120, 185),  # too far below
        (122, 100, 125, 103),  # too small
        (0, 60, 10, 100),  # at the border
    ],
    ids=["another digit", "far", "speck", "border"],
)
def test_what_is_none_of_its_parts(other: Place) -> None:
    assert chosen(BODY, other) == {BODY}


def test_the_middle_counts_more_than_the_border() -> None:
    at_border = (0, 0, 78, 78)  # and has twice the ink
    assert chosen(BODY, at_border) == {BODY}


def test_in_a_small_picture_a_digit_may_touch_the_border() -> None:
    tall, bar_above = (8, 8, 20, 28), (8, 0, 20, 5)
    assert chosen(tall, bar_above, side=28) == {tall, bar_above}


def test_the_stage() -> None:
    found = {"components": components_of(blocks(200, 200, BODY, (5, 5, 8, 8)))}
    picture = after(DIGIT, bar(), ink=blocks(200, 200, BODY).astype(np.float32), **found)
    assert (tuple(picture.box), picture.steps) == (BODY, ("remove specks",))
    assert np.array_equal(picture.digit_mask, blocks(200, 200, BODY))
    alone = {"components": components_of(blocks(200, 200, BODY))}
    assert after(DIGIT, bar(), ink=blocks(200, 200, BODY).astype(np.float32), **alone).steps == ()
    assert seconds(DIGIT, 50, **alone) < seconds(DIGIT, 500, **alone) < seconds(DIGIT, 500, **found)
