"""Whole numbers found in pictures, and how they may be cut."""

import numpy as np
import pytest

from app.errors import NoInk
from app.imaging.boxes import box_around
from app.imaging.numbers import find_numbers
from app.tasks.digits import strokes
from tests.imaging.drawn import paper
from training.constants import PREPARATION

SIDE = 60


def written(*rows: str, apart: int = 40) -> np.ndarray:
    """The project's own digits in rows; of a space nothing is written."""
    page = paper(SIDE * 2 * len(rows), max(map(len, rows)) * apart + 80, 255)
    for place, row in enumerate(rows):
        for number, digit in enumerate(row):
            if digit != " ":
                top, left = SIDE // 2 + 2 * SIDE * place, 20 + apart * number
                here = page[top : top + SIDE, left : left + SIDE]
                np.minimum(here, 255 - strokes.render(int(digit), size=SIDE), out=here)
    return page


def test_a_number_has_a_candidate_for_each_digit() -> None:
    (number,) = find_numbers(written("2057"), PREPARATION)
    assert len(number.cuts) >= 4
    assert sum(cut < 0 for cut in number.cuts) == 4  # they stand apart
    assert number.height == pytest.approx(SIDE * 20 / 28, abs=4)
    assert {(one.first, one.end) for one in number.candidates} >= {(place, place + 1) for place in range(4)}


def test_digits_that_touch_are_cut() -> None:
    (number,) = find_numbers(written("00", apart=26), PREPARATION)
    assert sum(cut < 0 for cut in number.cuts) == 1
    assert len(number.cuts) >= 2


def test_numbers_come_in_reading_order() -> None:
    numbers = find_numbers(written("12      34", "56"), PREPARATION)
    boxes = [box_around([one.box for one in number.candidates]) for number in numbers]
    assert len(boxes) == 3
    assert boxes[0].left < boxes[1].left
    assert boxes[0].bottom < boxes[2].top
    assert abs(boxes[0].top - boxes[1].top) < 10


def test_a_ruled_page() -> None:
    page = written("314")
    page[SIDE // 2 + 52] = page[SIDE // 2 + 53] = 150
    (number,) = find_numbers(page, PREPARATION)
    assert sum(cut < 0 for cut in number.cuts) == 3


@pytest.mark.parametrize("shape", [(100, 100), (1, 1), (3, 500)])
def test_blank_paper(shape: tuple[int, int]) -> None:
    with pytest.raises(NoInk):
        find_numbers(paper(*shape), PREPARATION)


def test_dots_are_too_low() -> None:
    page = paper(100)
    page[40:44, 20:24] = page[40:44, 50:54] = 0
    with pytest.raises(NoInk, match="4 pixels high"):
        find_numbers(page, PREPARATION)


def test_what_holds_no_digit_is_no_number() -> None:
    page = np.hstack([written("25"), paper(2 * SIDE, 300, 255)])
    page[50:70, -60:-40] = 115  # ink, but not even half as much as in the digits
    assert len(find_numbers(page, PREPARATION)) == 1


def test_a_picture_is_left_as_it_is() -> None:
    page = written("42")
    before = page.copy()
    find_numbers(page, PREPARATION)
    assert np.array_equal(page, before)
