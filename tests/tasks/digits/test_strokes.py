"""The project's own digits: what makes their frames look like MNIST's."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.tasks.digits import strokes

DIGITS = range(10)
SLANTS = (-0.2, 0.0, 0.3)
WIDTHS = (1.6, 2.8, 4.2)


def ink_box(frame: NDArray[np.uint8]) -> tuple[int, int]:
    """Height and width of what is inked."""
    rows, columns = np.nonzero(frame)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def centre_of_mass(frame: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column, counted from the middle of the first pixel as MNIST's are."""
    at = np.arange(len(frame))
    ink = frame.astype(float)
    return float(ink.sum(axis=1) @ at / ink.sum()), float(ink.sum(axis=0) @ at / ink.sum())


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's correlation of two frames, -1..1."""
    both: NDArray[np.float64] = np.corrcoef(one.astype(float).ravel(), other.astype(float).ravel())
    return float(both[0, 1])


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("slant", SLANTS)
def test_a_frame_is_laid_out_like_mnist(digit: int, width: float, slant: float) -> None:
    frame = strokes.render(digit, width=width, slant=slant)
    assert frame.shape == (28, 28)
    assert frame.dtype == np.uint8
    assert frame.min() == 0
    assert frame.max() > 240
    assert max(ink_box(frame)) == 20
    assert centre_of_mass(frame) == pytest.approx((14, 14), abs=0.51)


def test_ink_is_as_much_as_in_mnist() -> None:
    # MNIST's training set has a mean of 33.3 over all pixels; 1 is the lightest digit.
    means = [float(strokes.render(digit).mean()) for digit in DIGITS]
    assert np.mean(means) == pytest.approx(33.3, rel=0.1)
    assert np.argmin(means) == 1


@pytest.mark.parametrize("digit", DIGITS)
def test_a_wider_pen_leaves_more_ink(digit: int) -> None:
    ink = [int(strokes.render(digit, width=width).sum()) for width in (1.6, 2.2, 2.8, 3.4, 4.0)]
    assert ink == sorted(set(ink))


@pytest.mark.parametrize("digit", DIGITS)
def test_a_larger_frame_holds_the_same_picture(digit: int) -> None:
    small = strokes.render(digit)
    tenfold = strokes.render(digit, size=280).reshape(28, 10, 28, 10).mean(axis=(1, 3))
    # The smaller frame is shifted by whole pixels, the larger by tenths: up to half a pixel lies between them.
    assert likeness(small, tenfold) > 0.85


def test_slant_leans_to_the_right() -> None:
    def lean(slant: float) -> float:
        rows, columns = np.nonzero(strokes.render(1, slant=slant))
        return float(-np.polyfit(rows, columns, 1)[0])

    assert lean(-0.4) < 0 < lean(0.0) < lean(0.3)


@pytest.mark.parametrize(("one", "other"), list(combinations(DIGITS, 2)))
def test_digits_differ(one: int, other: int) -> None:
    assert likeness(strokes.render(one), strokes.render(other)) < 0.8


def test_paths_are_strokes_in_the_unit_box() -> None:
    assert sorted(strokes.paths()) == list(DIGITS)
    for digit, lines in strokes.paths().items():
        assert len(lines) == (2 if digit in (4, 5) else 1)
        for line in lines:
            assert line.ndim == 2
            assert line.shape[1] == 2
            assert 0 <= line.min() <= line.max() <= 1


def test_flatten_follows_each_command() -> None:
    line = strokes.flatten("M 0 0 L 1 0 Q 1 1 0 1 C 0 .5 0 .5 0 0")
    corners = line[[0, 12, 24, 36]]
    assert corners.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
    middle_of_q, middle_of_c = line[18], line[30]
    assert middle_of_q == pytest.approx([0.75, 0.75])
    assert middle_of_c == pytest.approx([0, 0.5])


def test_a_frame_is_the_same_each_time() -> None:
    assert np.array_equal(strokes.render(3), strokes.render(3))
