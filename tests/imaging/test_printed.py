"""Printed lines found in a mask."""

import numpy as np
import pytest

from app.budget import UNLIMITED
from app.imaging.printed import FIND_LINES, SMALLEST_PICTURE, find_lines
from app.imaging.removal import remove_lines
from tests.imaging.drawn import after, bar, blocks, empty, framed, ruled, seconds, separated

ONE = blocks(200, 200, (95, 40, 105, 160))


def test_a_one_is_not_taken_for_a_line() -> None:
    assert find_lines(ONE, UNLIMITED) == []


def test_ruled_paper_with_a_one_on_it() -> None:
    lines = find_lines(ruled(200, 60, 140) | ONE, UNLIMITED)
    assert [line.flat for line in lines] == [True, True]


def test_a_line_in_short_pieces() -> None:
    broken = ruled(200, 60)
    broken[:, ::14] = broken[:, 1::14] = 0
    assert len(find_lines(broken, UNLIMITED)) == 1


def test_a_box() -> None:
    found = find_lines(framed(), UNLIMITED)
    assert {line.flat for line in found} == {True, False}
    assert remove_lines(framed(), found).sum() == framed()[60:140, 60:140].sum()


def test_lines_and_a_box() -> None:
    box, both = (len(find_lines(mask, UNLIMITED)) for mask in (framed(), framed() | ruled(200, 15, 180)))
    assert both == box + 2


@pytest.mark.parametrize("mask", [empty(200), ruled(SMALLEST_PICTURE - 1, 30)], ids=["nothing", "too small"])
def test_where_there_is_none(mask: np.ndarray) -> None:
    assert find_lines(mask, UNLIMITED) == []


def test_specks_hide_no_line() -> None:
    """So many components are labelled first, and the small ones are left out."""
    dots = empty(200)
    dots[::6, ::6] = 1
    assert len(find_lines(dots | ruled(200, 99), UNLIMITED)) == 1


def test_the_stage() -> None:
    picture = after(FIND_LINES, bar(), separated=separated(framed()))
    assert len(picture.lines) >= 4
    assert 1.0 - picture.budget.left > FIND_LINES.seconds(picture)  # what it finds out while it runs is charged, too
    assert seconds(FIND_LINES, 50) < seconds(FIND_LINES, 500)
