"""Strokes -> frames that are like MNIST's."""

import numpy as np
import pytest

from training.hands import pens
from training.hands.pens import BESIDE, Pen

SEVEN = [np.array([[0.0, 0.0], [60.0, 0.0], [25.0, 100.0]])]
ROUND = Pen(5, pressure=0, nib=0, angle=0, blur=0, gain=1)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(20))
def test_frames_are_framed_as_mnists(seed: int) -> None:
    chance = np.random.default_rng(seed)
    frame = pens.draw(pens.varied(SEVEN, chance), pens.any_pen(chance), chance)
    assert (frame.shape, frame.dtype) == ((28, 28), np.uint8)
    assert frame.max() > 100
    weight = frame / frame.sum()
    for axis in (0, 1):
        assert weight.sum(axis=axis) @ (np.arange(28) + 0.5) == pytest.approx(14.5, abs=0.6)


def test_wide_pens_leave_more_ink() -> None:
    thin, wide = (pens.draw(SEVEN, ROUND._replace(width=width), random()).sum(dtype=int) for width in (3, 9))
    assert wide > 1.5 * thin


def test_a_nib_is_wider_across_than_along() -> None:
    across, along = (
        pens.draw([np.array([[0.0, 0.0], end])], ROUND._replace(nib=1.5, angle=0.0), random())
        for end in ([0, 9], [9, 0])
    )
    assert (across.max(axis=0) > 100).sum() > (along.max(axis=1) > 100).sum()


def test_a_dot_is_drawn_too() -> None:
    assert pens.draw([np.array([[5.0, 5.0]])], ROUND, random()).max() > 100


@pytest.mark.parametrize("number", range(len(BESIDE)), ids=[one.__name__.strip("_") for one in BESIDE])
def test_what_is_left_beside_a_digit_is_ink(number: int) -> None:
    canvas = np.zeros((200, 200), np.uint8)
    strokes = [stroke + 60 for stroke in SEVEN]
    BESIDE[number](canvas, strokes, 4.0, random())
    assert canvas.any()


def test_hands_vary() -> None:
    chance = random()
    first, second = (np.concatenate(pens.varied(SEVEN, chance)) for _ in range(2))
    assert first.shape == second.shape
    assert not np.allclose(first, second, atol=0.02)
