"""Ink separated from paper."""

import numpy as np
import pytest

from app.imaging.separate import LEAST_INK, SEPARATE, separate
from tests.imaging.drawn import after, bar, blocks, seconds

MASK = blocks(100, 100, (45, 20, 55, 80))


@pytest.mark.parametrize("depth", [0.05, 0.3, 0.9])
def test_ink_of_any_depth_is_found(depth: float) -> None:
    separated = separate(MASK * np.float32(depth))
    assert np.array_equal(separated.mask, MASK)
    assert separated.typical == pytest.approx(depth)
    assert separated.least <= depth / 2


def test_grain_is_no_ink() -> None:
    grain = np.abs(np.random.default_rng(0).normal(0, 0.02, MASK.shape)).astype(np.float32)
    separated = separate(MASK * np.float32(0.6) + grain)
    assert np.mean(separated.mask != MASK) < 0.001
    assert (grain > LEAST_INK).mean() > 0.2  # of which without noise all would be ink


def test_weak_strokes_beside_strong_ones_are_ink() -> None:
    """No more is taken than what has half the usual ink."""
    ink = MASK * np.float32(0.8)
    ink[20:30, 45:55] = 0.45
    assert np.array_equal(separate(ink).mask, MASK)


def test_nothing_is_nothing() -> None:
    separated = separate(np.zeros((50, 50), np.float32))
    assert not separated.mask.any()
    assert separated.least >= LEAST_INK


def test_the_stage() -> None:
    ink = MASK * np.float32(0.5)
    assert np.array_equal(after(SEPARATE, bar(), ink=ink).separated.mask, MASK)
    assert seconds(SEPARATE, 50) < seconds(SEPARATE, 500)
