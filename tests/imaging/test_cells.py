"""Boxes with something inside, and their dividers."""

import cv2
import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.cells import corners_of, lines_of_box
from app.imaging.components import labelled
from app.imaging.lines import Line
from app.imaging.removal import remove_lines
from tests.imaging.drawn import empty, framed


def outline(mask: np.ndarray) -> np.ndarray:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return max(outlines, key=cv2.contourArea)


def lines_in(mask: np.ndarray) -> list[Line]:
    corners = corners_of(outline(mask))
    assert corners is not None
    labels, _ = labelled(mask)
    x, y = outline(mask)[0, 0]
    return lines_of_box((labels == labels[y, x]).astype(np.uint8), corners, mask, UNLIMITED)


def test_a_box_has_four_corners() -> None:
    corners = corners_of(outline(framed()))
    assert corners is not None
    assert {(round(x / 40) * 40, round(y / 40) * 40) for x, y in corners.tolist()} == {
        (40, 40),
        (40, 160),
        (160, 40),
        (160, 160),
    }


@pytest.mark.parametrize("axes", [(60, 60), (60, 40)])
def test_an_oval_has_none(axes: tuple[int, int]) -> None:
    assert corners_of(outline(cv2.ellipse(empty(200), (100, 100), axes, 0, 0, 360, 1, 3))) is None


def test_the_sides_of_a_box_are_lines() -> None:
    lines = lines_in(framed())
    assert all(line.width == framed()[60, :80].sum() for line in lines)
    stroke = framed()
    stroke[:60] = stroke[140:] = stroke[:, :60] = stroke[:, 140:] = 0
    assert np.array_equal(remove_lines(framed(), lines), stroke)


def test_what_divides_a_box_is_a_line_too() -> None:
    divided = framed()
    divided[40:160, 130:133] = 1
    assert [abs((line.start[0] + line.end[0]) / 2 - 131) < 3 for line in lines_in(divided)].count(True) == 1
    assert not remove_lines(divided, lines_in(divided))[45:155, 125:140].any()


def test_an_empty_box_may_be_a_zero() -> None:
    empty_box = framed()
    empty_box[60:140, 60:140] = 0
    assert lines_in(empty_box) == []


def test_what_is_filled_is_no_box() -> None:
    full = empty(200)
    full[40:160, 40:160] = 1
    assert lines_in(full) == []


def test_a_broken_side_makes_no_box() -> None:
    broken = framed()
    broken[30:50, 60:150] = 0
    corners = corners_of(outline(framed()))
    assert corners is not None
    assert lines_of_box(broken, corners, framed(), UNLIMITED) == []


def test_it_costs_more_with_longer_sides() -> None:
    spent = []
    for right in (120, 160):
        budget, mask = Budget(1.0), framed(right=right)
        corners = corners_of(outline(mask))
        assert corners is not None
        lines_of_box(mask, corners, mask, budget)
        spent.append(1.0 - budget.left)
        with pytest.raises(TooMuchWork, match="boxes"):
            lines_of_box(mask, corners, mask, Budget(1e-6))
    assert 0 < spent[0] < spent[1]
