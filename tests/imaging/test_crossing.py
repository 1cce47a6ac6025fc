"""Lines from border to border."""

import math

import cv2
import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.crossing import crossing, reaches_far
from tests.imaging.drawn import blocks, empty, ruled


def outline(mask: np.ndarray) -> np.ndarray:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return outlines[0]


@pytest.mark.parametrize(
    ("box", "far"), [((0, 40, 100, 42), True), ((40, 0, 42, 100), True), ((0, 0, 9, 9), True), ((0, 40, 90, 42), False)]
)
def test_what_reaches_from_border_to_border(box: tuple[int, int, int, int], far: bool) -> None:
    mask = blocks(100, 100, box)
    assert reaches_far(outline(mask), mask.shape) is far


@pytest.mark.parametrize("thick", [1, 3, 6])
def test_a_ruled_line_is_found(thick: int) -> None:
    (line,) = crossing(ruled(200, 90, thick=thick), UNLIMITED)
    assert line.flat
    assert {round(line.start[0]), round(line.end[0])} == {0, 199}
    assert (line.start[1] + line.end[1]) / 2 == pytest.approx(90 + thick / 2, abs=2)
    assert line.width == pytest.approx(thick, abs=1)


def test_a_line_that_leans() -> None:
    mask = empty(200)
    cv2.line(mask, (0, 60), (199, 95), 1, 3)
    (line,) = crossing(mask, UNLIMITED)
    slope = (line.end[1] - line.start[1]) / (line.end[0] - line.start[0])
    assert math.degrees(math.atan(slope)) == pytest.approx(10, abs=1)


def test_squared_paper() -> None:
    mask = ruled(200, 40, 100, 160) | ruled(200, 50, 110).T
    lines = list(crossing(mask, UNLIMITED))
    assert sorted(line.flat for line in lines) == [False] * 2 + [True] * 3


@pytest.mark.parametrize(
    "mask",
    [
        blocks(200, 200, (95, 40, 105, 160)),  # a 1
        blocks(100, 100, (0, 30, 100, 70)),  # too thick for a line
        blocks(200, 200, (0, 99, 60, 101), (140, 99, 200, 101)),  # broken for most of its way
    ],
    ids=["a one", "thick", "broken"],
)
def test_what_is_no_line(mask: np.ndarray) -> None:
    assert list(crossing(mask, UNLIMITED)) == []


def test_the_more_ink_the_more_it_costs() -> None:
    spent = []
    for rows in ([90], [40, 90, 140]):
        budget = Budget(1.0)
        list(crossing(ruled(200, *rows), budget))
        spent.append(1.0 - budget.left)
    assert 0 < spent[0] < spent[1]
    with pytest.raises(TooMuchWork, match="straight lines"):
        list(crossing(ruled(200, 90), Budget(1e-6)))
