"""Runs of pieces that may be digits."""

import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.boxes import Box
from app.imaging.candidates import FIND_CANDIDATES, MOST_PIECES, candidates_of, joined
from app.imaging.picture import Piece
from tests.imaging.drawn import after, bar, seconds
from training.constants import PREPARATION

HEIGHT = 40.0


def piece(left: int, width: int = 10, top: int = 5, height: int = 40) -> Piece:
    return Piece(left, top, np.ones((height, width), np.float32), 0.1)


def runs(*pieces: Piece) -> list[tuple[int, int]]:
    return [(one.first, one.end) for one in candidates_of(list(pieces), HEIGHT, PREPARATION, UNLIMITED)]


def test_every_run_of_neighbours_may_be_a_digit() -> None:
    assert runs(piece(0), piece(10), piece(20)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_what_is_too_wide_is_no_one_digit() -> None:
    assert (0, 2) not in runs(piece(0, 40), piece(40, 40))
    assert (0, 2) in runs(piece(0, 30), piece(30, 30))


def test_a_wide_piece_alone_may_be_one() -> None:
    assert runs(piece(0, 90)) == [(0, 1)]


def test_no_more_pieces_than_a_digit_may_be_cut_into() -> None:
    found = runs(*(piece(3 * place, 3) for place in range(10)))
    assert max(end - first for first, end in found) == MOST_PIECES


def test_dirt_is_none() -> None:
    assert runs(piece(0, 3, height=3)) == []


def test_frames_are_the_models() -> None:
    (one,) = candidates_of([piece(7)], HEIGHT, PREPARATION, UNLIMITED)
    assert one.frame.shape == (PREPARATION.side, PREPARATION.side)
    assert one.frame.max() == 255
    assert one.box == Box(7, 5, 17, 45)


def test_pieces_are_joined_as_they_stand() -> None:
    low = piece(30, 5, top=20, height=10)
    box, soft = joined([piece(10), low])
    assert box == Box(10, 5, 35, 45)
    expected = np.zeros((40, 25))
    expected[:, :10] = expected[15:25, 20:] = 1
    assert np.array_equal(soft, expected)


def test_a_piece_without_ink_has_no_box() -> None:
    box, _ = joined([Piece(3, 4, np.zeros((5, 5), np.float32), 0.0)])
    assert box.side == 0


def test_each_costs() -> None:
    spent = []
    for count in (1, 2, 4):
        budget = Budget(1.0)
        list(candidates_of([piece(10 * place) for place in range(count)], HEIGHT, PREPARATION, budget))
        spent.append(1.0 - budget.left)
    assert 0 < spent[0] < spent[1] < spent[2]
    with pytest.raises(TooMuchWork, match="reading another of the digits"):
        list(candidates_of([piece(0)], HEIGHT, PREPARATION, Budget(0.0)))


def test_the_stage() -> None:
    pieces = [[piece(0)], [piece(0, 3, height=3)]]
    picture = after(FIND_CANDIDATES, bar(), pieces=pieces, height=HEIGHT, coarser=1)
    assert [len(one) for one in picture.candidates] == [1, 0]
    coarse = after(FIND_CANDIDATES, bar(), pieces=pieces, height=3 * HEIGHT, coarser=3)
    (one,), _ = coarse.candidates
    (fine,), _ = picture.candidates
    assert one.box == fine.box.times(3)
    assert np.array_equal(one.frame, fine.frame)
    assert seconds(FIND_CANDIDATES, 9) > 0
