"""Rows cut into pieces."""

from typing import Any

import cv2
import numpy as np
import pytest

from app.errors import Undecodable
from app.imaging import limits
from app.imaging.components import components_of
from app.imaging.picture import Picture
from app.imaging.pieces import CUT, stacked
from tests.imaging.drawn import after, bar, blocks, component, empty, seconds

HEIGHT = 60.0
LEFT, RIGHT = (20, 20, 40, 80), (60, 20, 80, 80)


def cut(mask: np.ndarray) -> Picture:
    components = components_of(mask)
    found: dict[str, Any] = {"components": components, "soft": mask.astype(np.float32), "height": HEIGHT}
    return after(CUT, bar(), rows=[sorted(components.found, key=lambda one: one.box)], **found)


def test_what_stands_apart_is_a_piece_each() -> None:
    first, second = cut(blocks(100, 100, LEFT, RIGHT)).pieces[0]
    assert (first.left, first.top, first.cut) == (20, 20, -1.0)
    assert (second.left, second.top, second.cut) == (60, 20, -1.0)
    assert first.soft.shape == (60, 20)
    assert first.soft.min() == 1


def touching() -> np.ndarray:
    mask = empty(100, 160)
    for middle in (40, 86):
        cv2.circle(mask, (middle, 50), 25, 1, 5)
    return mask


def test_what_touches_is_cut() -> None:
    pieces = cut(touching()).pieces[0]
    assert len(pieces) >= 2
    assert pieces[0].cut < 0
    assert all(piece.cut >= 0 for piece in pieces[1:])


def test_pieces_hold_all_the_ink_once() -> None:
    mask = touching()
    whole = np.zeros(mask.shape, np.float32)
    for piece in cut(mask).pieces[0]:
        height, width = piece.soft.shape
        whole[piece.top : piece.top + height, piece.left : piece.left + width] += piece.soft
    assert np.array_equal(whole, mask)


def test_a_bar_above_belongs_to_what_is_below_it() -> None:
    body, above, beside = component(20, 30, 50, 80), component(25, 10, 55, 16, label=2), component(70, 20, 90, 80)
    assert stacked([body, beside, above], HEIGHT) == [[body, above], [beside]]


def test_two_tall_ones_above_each_other_lean() -> None:
    one, other = component(20, 20, 50, 80), component(30, 15, 60, 75, label=2)
    assert stacked([one, other], HEIGHT) == [[one], [other]]


def test_too_many_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.imaging.pieces.MOST_CUTS", 1)
    assert limits.MOST_CUTS > 1
    with pytest.raises(Undecodable, match="2 places where digits may be cut apart"):
        cut(blocks(100, 100, LEFT, RIGHT))


def test_each_piece_costs() -> None:
    one, two = cut(blocks(100, 100, LEFT)), cut(blocks(100, 100, LEFT, RIGHT))
    assert two.budget.left < one.budget.left < 1.0 - seconds(CUT, 9)


@pytest.mark.parametrize("times", [2, 3])
def test_high_digits_are_cut_in_coarser_pixels(times: int) -> None:
    """Which begin at whole ones, however far into one the ink begins."""
    small = touching()[:, 1:-1]
    mask = cv2.resize(small, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST)
    components = components_of(mask)
    found: dict[str, Any] = {"components": components, "soft": mask.astype(np.float32), "height": 81.0 * times}
    high = after(CUT, bar(), rows=[components.found], **found)
    found = {"components": components_of(small), "soft": small.astype(np.float32), "height": 81.0}
    low = after(CUT, bar(), rows=[components_of(small).found], **found)
    assert (low.coarser, high.coarser) == (1, times)
    for one, other in zip(low.pieces[0], high.pieces[0], strict=True):
        assert (one.left, one.top, one.cut) == pytest.approx((other.left, other.top, other.cut))
        assert np.allclose(one.soft, other.soft, atol=1e-5)
