"""Printed lines taken out."""

import numpy as np

from app.imaging.components import components_of
from app.imaging.lines import Line
from app.imaging.removal import REMOVE_LINES, remove_lines
from tests.imaging.drawn import after, bar, blocks, ruled, seconds, separated

LINE = Line((0.0, 100.5), (199.0, 100.5), 2.0)
ONE = blocks(200, 200, (95, 40, 105, 160))


def test_a_line_goes() -> None:
    assert not remove_lines(ruled(200, 100), [LINE]).any()


def test_an_upright_line_goes() -> None:
    upright = Line((100.5, 0.0), (100.5, 199.0), 2.0)
    assert not remove_lines(ruled(200, 100).T.copy(), [upright]).any()


def test_a_stroke_that_crosses_it_stays_whole() -> None:
    left = remove_lines(ruled(200, 100) | ONE, [LINE])
    assert np.array_equal(left, ONE)
    assert len(components_of(left).found) == 1


def test_both_directions_at_once() -> None:
    upright = Line((30.5, 0.0), (30.5, 199.0), 2.0)
    left = remove_lines(ruled(200, 100) | ruled(200, 30).T | ONE, [LINE, upright])
    assert np.array_equal(left, ONE)


def test_without_lines_nothing_is_done() -> None:
    assert remove_lines(ONE, []) is ONE


def test_the_stage() -> None:
    written = separated(ruled(200, 100) | ONE)
    picture = after(REMOVE_LINES, bar(), separated=written, lines=[LINE])
    assert np.array_equal(picture.mask, ONE)
    assert picture.steps == ("remove lines",)
    assert after(REMOVE_LINES, bar(), separated=separated(ONE), lines=[]).steps == ()
    costs = [seconds(REMOVE_LINES, side, lines=[LINE]) for side in (50, 500)]
    assert seconds(REMOVE_LINES, 500, lines=[]) < costs[0] < costs[1]
