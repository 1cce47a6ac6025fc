"""Ways between two digits that touch."""

import cv2
import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.seams import find_seams
from tests.imaging.drawn import blocks

HEIGHT = 60


def touching() -> np.ndarray:
    """Two blocks side by side, that a narrow stroke connects in the middle of the picture."""
    return blocks(HEIGHT, 120, (20, 0, 58, HEIGHT), (62, 0, 100, HEIGHT), (58, 40, 62, 46)).astype(np.float32)


def test_where_two_blobs_touch_there_is_a_seam() -> None:
    seams = find_seams(touching(), HEIGHT, UNLIMITED)
    between = [seam for seam in seams if abs(float(np.median(seam.columns)) - 60) < 4]
    assert len(between) == 1
    assert between[0].ink == pytest.approx(0.1, abs=0.03)
    assert between[0].columns.shape == (HEIGHT,)


def test_seams_come_from_left_to_right_and_apart() -> None:
    middles = [float(seam.columns.mean()) for seam in find_seams(touching(), HEIGHT, UNLIMITED)]
    assert middles == sorted(middles)
    assert min(np.diff(middles)) >= 0.08 * HEIGHT * 0.9


def test_a_gap_costs_no_ink() -> None:
    apart = np.ones((HEIGHT, 80), np.float32)
    apart[:, 38:42] = 0
    (seam,) = find_seams(apart, HEIGHT, UNLIMITED)
    assert seam.ink < 0.02
    assert np.all(np.abs(seam.columns - 39.5) < 3)


def test_a_seam_may_lean() -> None:
    apart = np.ones((HEIGHT, 120), np.float32)
    for y in range(HEIGHT):
        apart[y, 40 + y // 2 : 46 + y // 2] = 0
    best = min(find_seams(apart, HEIGHT, UNLIMITED), key=lambda seam: seam.ink)
    gap, rows = 6, HEIGHT - 4
    assert best.columns[-3] - best.columns[2] == pytest.approx(rows / 2 - gap, abs=2)  # the way within is the shortest


def test_a_full_block_has_none() -> None:
    assert find_seams(np.ones((HEIGHT, 80), np.float32), HEIGHT, UNLIMITED) == []


@pytest.mark.parametrize("scale", [0.5, 2])
def test_the_same_seams_at_any_size(scale: float) -> None:
    blob = cv2.resize(touching(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    seams = find_seams(blob, HEIGHT * scale, UNLIMITED)
    assert min(abs(float(np.median(seam.columns)) - 60 * scale) for seam in seams) < 5 * scale


def test_wider_blobs_cost_more() -> None:
    spent = []
    for width in (60, 240):
        budget = Budget(1.0)
        find_seams(np.ones((HEIGHT, width), np.float32), HEIGHT, budget)
        spent.append(1.0 - budget.left)
    assert 0 < spent[0] < spent[1]
    with pytest.raises(TooMuchWork, match="where digits touch"):
        find_seams(touching(), HEIGHT, Budget(0.0))
