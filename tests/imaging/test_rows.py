"""Rows of digits."""

import numpy as np

from app.imaging.boxes import Box
from app.imaging.components import Component, Components
from app.imaging.rows import FIND_ROWS, in_reading_order, rows_of
from tests.imaging.drawn import after, bar, component, seconds

HEIGHT = 40


def at(left: int, top: int, label: int = 1) -> Component:
    return component(left, top, left + 25, top + HEIGHT, label=label)


def lefts(rows: list[list[Component]]) -> list[list[int]]:
    return [[one.box.left for one in row] for row in rows]


def test_neighbours_make_a_row_from_left_to_right() -> None:
    assert lefts(rows_of([at(80, 0), at(10, 5), at(45, 3)], HEIGHT)) == [[10, 45, 80]]


def test_what_stands_far_apart_is_two_numbers() -> None:
    assert sorted(lefts(rows_of([at(0, 0), at(35, 0), at(200, 0)], HEIGHT))) == [[0, 35], [200]]


def test_what_stands_lower_is_another_row() -> None:
    assert len(rows_of([at(0, 0), at(35, 60)], HEIGHT)) == 2


def test_a_late_one_joins_two_rows() -> None:
    assert lefts(rows_of([at(0, 0), at(130, 0), at(65, 0)], HEIGHT)) == [[0, 65, 130]]


def test_a_row_may_rise() -> None:
    assert len(rows_of([at(40 * place, 15 * place) for place in range(6)], HEIGHT)) == 1


def test_rows_are_read_from_top_to_bottom() -> None:
    rows = [[at(300, 100)], [at(0, 110)], [at(150, 0)]]
    assert lefts(in_reading_order(rows, HEIGHT)) == [[150], [0], [300]]


def components(count: int) -> Components:
    """Side by side."""
    stats = np.array([[35 * place, 0, 25, HEIGHT, 1000] for place in range(count)], np.int32)
    return Components(np.zeros((50, 400), np.int32), np.arange(1, count + 1), stats)


def test_the_stage() -> None:
    picture = after(FIND_ROWS, bar(), components=components(3), height=float(HEIGHT))
    assert [one.box for one in picture.rows[0]] == [Box(35 * place, 0, 35 * place + 25, HEIGHT) for place in range(3)]
    costs = [seconds(FIND_ROWS, 9, components=components(count)) for count in (1, 2, 3)]
    assert 0 < costs[1] - costs[0] < costs[2] - costs[1]  # each with each
