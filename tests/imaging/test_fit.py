"""Digits scaled into their box."""

import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.fit import FIT, fit
from tests.imaging.drawn import after, bar, blocks, seconds
from training.constants import PREPARATION

BOX = PREPARATION.box


def ink(height: int, width: int, stroke: int) -> np.ndarray:
    """An L."""
    return blocks(height, width, (0, 0, stroke, height), (0, height - stroke, width, height)).astype(np.float32)


@pytest.mark.parametrize("shape", [(100, 60), (60, 100), (300, 300), (12, 8), (5, 5), (40, 2)])
def test_the_longer_side_is_the_boxs(shape: tuple[int, int]) -> None:
    boxed, _ = fit(ink(*shape, stroke=max(1, min(shape) // 6)), PREPARATION)
    assert max(boxed.shape) == BOX
    assert boxed.max() == pytest.approx(255)
    assert boxed.min() >= 0
    height, width = shape
    assert boxed.shape[0] / boxed.shape[1] == pytest.approx(height / width, rel=0.35, abs=1.5 if width < 5 else 0)


def width_of_stroke(boxed: np.ndarray) -> float:
    """Of the upright one, at half its height."""
    return float(boxed[BOX // 2].sum() / 255)


def test_thick_strokes_are_thinned() -> None:
    boxed, thinned = fit(ink(100, 80, 40), PREPARATION)
    assert thinned
    assert width_of_stroke(boxed) < 8 * 0.8


def test_thin_ones_stay_as_they_are() -> None:
    boxed, thinned = fit(ink(100, 80, 10), PREPARATION)
    assert not thinned
    assert width_of_stroke(boxed) == pytest.approx(2, abs=0.4)


def test_few_large_pixels_are_smoothed() -> None:
    boxed, _ = fit(ink(8, 6, 1), PREPARATION)
    assert len(np.unique(np.rint(boxed))) > 20


def test_what_it_adds_to_the_budget() -> None:
    plain, few, thick = (Budget(1.0) for _ in range(3))
    fit(ink(100, 80, 10), PREPARATION, plain)
    fit(ink(8, 6, 1), PREPARATION, few)
    fit(ink(100, 80, 40), PREPARATION, thick)
    assert plain.left == 1.0 > max(few.left, thick.left)
    with pytest.raises(TooMuchWork, match="thinning"):
        fit(ink(100, 80, 40), PREPARATION, Budget(0.0))


@pytest.mark.parametrize(("stroke", "steps"), [(10, ("fit",)), (40, ("thin", "fit"))])
def test_the_stage(stroke: int, steps: tuple[str, ...]) -> None:
    picture = after(FIT, bar(), soft=ink(100, 80, stroke))
    assert picture.steps == steps
    assert np.array_equal(picture.boxed, fit(ink(100, 80, stroke), PREPARATION, UNLIMITED)[0])
    assert seconds(FIT, 50) < seconds(FIT, 500)
