"""How high digits are, and what may be one."""

from typing import Any

import numpy as np
import pytest

from app.errors import NoInk, Undecodable
from app.imaging.components import Components, components_of
from app.imaging.height import FIND_HEIGHT, LOWEST, may_be_digits, usual_height
from tests.imaging.drawn import after, bar, blocks, empty, seconds

ROW = [(20 + 30 * place, 50, 40 + 30 * place, 90 + place) for place in range(5)]


def of(*places: tuple[int, int, int, int]) -> Components:
    return components_of(blocks(200, 200, *places))


def test_the_usual_height_is_that_of_most_ink() -> None:
    specks = [(5 + 9 * place, 5, 8 + 9 * place, 8) for place in range(15)]
    assert usual_height(of(*ROW, *specks)) == pytest.approx(42, abs=2)


@pytest.mark.parametrize(
    ("place", "may"),
    [
        ((10, 10, 20, 50), True),
        ((10, 10, 13, 13), False),  # too small
        ((10, 10, 50, 15), True),  # the bar of a broken 5
        ((10, 10, 16, 11), False),  # too little ink
    ],
)
def test_what_may_be_a_digit(place: tuple[int, int, int, int], may: bool) -> None:
    assert may_be_digits(of(place), 40.0).tolist() == [may]


def test_a_band_across_a_wide_picture_is_none() -> None:
    assert may_be_digits(components_of(blocks(40, 900, (0, 10, 900, 16))), 40.0).tolist() == [False]


def found(components: Components) -> dict[str, Any]:
    return {"components": components, "soft": np.zeros(components.labels.shape, np.float32)}


def test_the_stage_keeps_what_may_be_digits() -> None:
    picture = after(FIND_HEIGHT, bar(), **found(of(*ROW, (5, 5, 8, 8))))
    assert len(picture.components.names) == len(ROW)
    assert picture.height == pytest.approx(42, abs=2)


def test_a_digit_that_is_broken_across_is_as_high_as_both_halves() -> None:
    picture = after(FIND_HEIGHT, bar(), **found(of((80, 40, 110, 68), (84, 71, 112, 100))))
    assert picture.height == 60
    assert len(picture.components.names) == 1


def test_what_is_too_low_to_read() -> None:
    with pytest.raises(NoInk, match=f"is 4 pixels high; digits need {LOWEST} or more"):
        after(FIND_HEIGHT, bar(), **found(of((10, 10, 14, 14))))


def test_too_many_parts() -> None:
    many = empty(300)
    many.reshape(30, 10, 30, 10)[:, 1:8, :, 1:6] = 1
    with pytest.raises(Undecodable, match="900 parts that may be digits"):
        after(FIND_HEIGHT, bar(), **found(components_of(many)))


def test_the_more_the_dearer() -> None:
    assert seconds(FIND_HEIGHT, 9, components=of(ROW[0])) < seconds(FIND_HEIGHT, 9, components=of(*ROW))
