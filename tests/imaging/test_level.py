"""Level lines that end inside a picture."""

from typing import Any

import cv2
import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.level import FIND_LEVEL_LINES, MOST_LINES, level_lines, runs_of, sides_between
from app.imaging.lines import Line
from app.imaging.removal import remove_lines
from tests.imaging.drawn import after, bar, blocks, empty, seconds, separated

FEET = 110  # the row of pixels that the digits stand on
DIGITS = blocks(160, 400, *((left, 60, left + 8, FEET) for left in (100, 150, 200, 250)))


def found(mask: np.ndarray, pale: np.ndarray | None = None) -> list[Line]:
    return level_lines(mask, mask if pale is None else pale, UNLIMITED)


def underlined(start: tuple[int, int] = (70, FEET), end: tuple[int, int] = (300, FEET), thick: int = 2) -> np.ndarray:
    mask = DIGITS.copy()
    cv2.line(mask, start, end, 1, thick)
    return mask


def stroke(rows: np.ndarray, thick: int) -> np.ndarray:
    """The digits, and a stroke that is drawn through them, row by row, from column 70 on."""
    mask = DIGITS.copy()
    for column, row in enumerate(rows, 70):
        mask[round(row) : round(row) + thick, column] = 1
    return mask


@pytest.mark.parametrize("falls", [-20, 0, 20])
def test_the_line_that_digits_stand_on(falls: int) -> None:
    mask = underlined(start=(70, FEET - falls), end=(300, FEET))
    (line,) = found(mask)
    assert np.allclose(line.start, (70, FEET - falls), atol=3)
    assert np.allclose(line.end, (300, FEET), atol=3)
    left = remove_lines(mask, [line])
    assert not (left & ~DIGITS).any()
    assert left[60 : FEET - 30].sum() == DIGITS[60 : FEET - 30].sum()


def test_a_line_of_dots() -> None:
    mask = DIGITS.copy()
    mask[FEET : FEET + 3].reshape(3, 80, 5)[:, 14:60, :3] = 1
    (line,) = found(mask, cv2.dilate(mask, np.ones((1, 3), np.uint8)))
    assert line.end[0] - line.start[0] > 220


def test_a_line_goes_on_where_it_is_pale() -> None:
    mask, pale = underlined(), underlined()
    mask[FEET - 3 :, 110:150] = mask[FEET - 3 :, 210:240] = 0
    assert found(mask) == []
    assert len(found(mask, pale)) == 1


def test_all_lines_of_a_form() -> None:
    mask = underlined()
    for row in (20, 40, 135):
        mask[row : row + 2, 60:330] = 1
    assert len(found(mask)) == 4


@pytest.mark.parametrize(
    "mask",
    [
        empty(160, 400),
        DIGITS,
        underlined(end=(140, FEET)),  # a foot, a bar or a minus
        underlined(thick=10),
        blocks(160, 400, (70, FEET, 300, FEET + 2)),  # nothing stands on it
        stroke(FEET - 30 + 4 * np.sin(np.arange(230) / 15), 4),
        stroke(FEET - 30 + 1.5 * np.sin(np.arange(230) / 15), 3),
    ],
    ids=["nothing", "digits", "short", "thick", "alone", "wavy", "unsteady"],
)
def test_what_is_no_printed_line(mask: np.ndarray) -> None:
    assert found(mask) == []


def test_grain_is_not_looked_at() -> None:
    grain = np.tile(np.array([[1, 0], [0, 0]], np.uint8), (100, 150))
    assert found(grain | blocks(200, 300, (20, 99, 280, 101))) == []


def test_the_rest_of_a_box() -> None:
    mask = cv2.rectangle(empty(160, 400), (60, 30), (330, 130), 1, 2)
    lines = found(mask | DIGITS)
    assert len(lines) == 2
    sides = list(sides_between(lines, mask, UNLIMITED))
    assert [side.flat for side in sides] == [False, False]
    assert not (remove_lines(mask, [*lines, *sides])).any()
    with pytest.raises(TooMuchWork, match="sides of boxes"):
        list(sides_between(lines, mask, Budget(1e-6)))
    mask[:, 320:] = 0
    assert list(sides_between(lines, mask, UNLIMITED)) == []


def test_runs() -> None:
    runs = runs_of(blocks(20, 10, (2, 0, 3, 4), (2, 10, 4, 20)), 3)
    assert runs.x.tolist() == [2, 2, 3]
    assert runs.y.tolist() == [1.5, 14.5, 14.5]
    assert runs.long.tolist() == [4, 10, 10]
    grain = (np.arange(200).reshape(20, 10) % 2).astype(np.uint8)
    assert len(runs_of(grain, 1000).x) == 5
    assert len(runs_of(grain, 4).x) == len(runs_of(empty(9), 4).x) == 0


def test_the_stage() -> None:
    mask = underlined()
    ink: dict[str, Any] = {"separated": separated(mask), "ink": mask.astype(np.float32)}
    picture = after(FIND_LEVEL_LINES, bar(), lines=[Line((0, 9), (399, 9), 2)], **ink)
    assert len(picture.lines) == 2
    assert 1.0 - picture.budget.left > FIND_LEVEL_LINES.seconds(picture)  # what it finds while it runs is charged, too
    assert seconds(FIND_LEVEL_LINES, 50) < seconds(FIND_LEVEL_LINES, 500)


def test_each_line_costs() -> None:
    spent = []
    for rows in ([], [20], [20, 40]):
        mask, budget = underlined(), Budget(1.0)
        for row in rows:
            mask[row : row + 2, 60:330] = 1
        level_lines(mask, mask, budget)
        spent.append(1.0 - budget.left)
        with pytest.raises(TooMuchWork, match="level lines"):
            level_lines(mask, mask, Budget(1e-6))
    assert spent == sorted(spent)
    assert spent[0] < spent[-1]


def test_of_many_lines_some_are_found() -> None:
    mask = DIGITS.copy()
    mask[::8, 60:330] = 1
    assert len(found(mask)) == MOST_LINES
