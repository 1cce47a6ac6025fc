"""Rows of digits."""

import numpy as np
import pytest

from app.imaging.arrays import Pixels
from app.imaging.boxes import Box
from app.imaging.components import Component, Components
from app.imaging.numbers import find_numbers
from app.imaging.rows import (
    FIND_ROWS,
    in_reading_order,
    joined_if_even,
    lines_through,
    rows_of,
    without_small_print,
)
from app.tasks.digits import strokes
from tests.imaging.drawn import after, bar, component, seconds
from training.constants import PREPARATION

HEIGHT = 40


def at(left: int, top: int, label: int = 1) -> Component:
    return component(left, top, left + 25, top + HEIGHT, label=label)


def in_order(rows: list[list[Component]]) -> list[list[Component]]:
    return [row for line in in_reading_order(rows, HEIGHT) for row in line]


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


def test_small_print_is_no_number() -> None:
    print_ = [component(10 * place, 0, 10 * place + 8, 15) for place in range(5)]
    low, point = component(0, 30, 20, 60), component(30, 66, 34, 70)
    assert without_small_print([print_, [at(0, 30), point], [low]], HEIGHT) == [[at(0, 30), point], [low]]


def test_rows_are_read_from_top_to_bottom() -> None:
    rows = [[at(300, 100)], [at(0, 110)], [at(150, 0)]]
    assert lefts(in_order(rows)) == [[150], [0], [300]]


def test_a_line_of_far_digits_may_slope() -> None:
    for slope in (-0.14, 0.14):
        far = [[at(place * 150, 300 + round(slope * 150 * place))] for place in range(10)]
        assert lefts(in_order(far[::-1])) == [[150 * place] for place in range(10)]


def test_lines_that_slope_are_read_one_after_the_other() -> None:
    lines = [[[at(90 * place, 200 + 70 * line - 10 * place)] for place in range(8)] for line in range(3)]
    mixed = sorted((row for line in lines for row in line), key=lambda row: row[0].box.top)
    assert in_reading_order(mixed, HEIGHT) == lines


def test_far_digits_in_even_steps_are_one_number() -> None:
    evenly = [[at(100 * place, 200)] for place in range(5)]
    assert joined_if_even(evenly, HEIGHT) == [[row[0] for row in evenly]]
    assert joined_if_even(evenly[:2], HEIGHT) == evenly[:2]  # too few to say
    uneven = [*evenly, [at(560, 200)]]
    assert joined_if_even(uneven, HEIGHT) == uneven
    columns = [[at(5 * HEIGHT * place, 200)] for place in range(5)]
    assert joined_if_even(columns, HEIGHT) == columns
    numbers = [[at(200 * place, 200), at(200 * place + 50, 200)] for place in range(5)]
    assert joined_if_even(numbers, HEIGHT) == numbers


def test_what_stands_alone_tells_of_no_slope() -> None:
    for boxes in ([Box(0, 0, 25, HEIGHT)], [Box(0, 0, 25, HEIGHT), Box(3, 90, 28, 90 + HEIGHT)]):
        slope, followed = lines_through(boxes, HEIGHT)
        assert (slope, followed.any()) == (0, False)


def line_of_digits(random: np.random.Generator) -> Pixels:
    """Two to twelve, from close to far apart, sloping by up to 8 degrees, black on white."""
    count, gap, size = int(random.integers(2, 13)), random.uniform(0.3, 5), 36
    slope = np.tan(np.radians(random.uniform(-8, 8)))
    step = size * (1 + gap)
    length = int(count * step) + 80
    page = np.zeros((int(length * abs(slope)) + 160, length), np.uint8)
    for place in range(count):
        frame = strokes.render(int(random.integers(10)), size=size, slant=float(random.uniform(-0.2, 0.3)))
        left = int(40 + place * step)
        top = round((0 if slope > 0 else length * abs(slope)) + 60 + slope * left + random.uniform(-4, 4))
        page[top : top + size, left : left + size] |= frame
    return 255 - page


@pytest.mark.parametrize("seed", range(10))
def test_lines_drawn_anew_are_read_from_left_to_right(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(50):
        numbers = find_numbers(line_of_digits(random), PREPARATION)
        starts = [min(one.box.left for one in number.candidates) for number in numbers]
        assert starts == sorted(starts)


def components(count: int) -> Components:
    """Side by side."""
    stats = np.array([[35 * place, 0, 25, HEIGHT, 1000] for place in range(count)], np.int32)
    return Components(np.zeros((50, 400), np.int32), np.arange(1, count + 1), stats)


def test_the_stage() -> None:
    picture = after(FIND_ROWS, bar(), components=components(3), height=float(HEIGHT))
    assert [one.box for one in picture.rows[0]] == [Box(35 * place, 0, 35 * place + 25, HEIGHT) for place in range(3)]
    assert picture.levels == [0] * len(picture.rows)
    costs = [seconds(FIND_ROWS, 9, components=components(count)) for count in (1, 2, 3)]
    assert 0 < costs[1] - costs[0] < costs[2] - costs[1]  # each with each
