"""Ways between two digits that touch."""

import cv2
import numpy as np
import pytest

from app.budget import UNLIMITED, Budget
from app.errors import TooMuchWork
from app.imaging.seams import Seam, find_seams
from tests.imaging.drawn import blocks

HEIGHT = 60


def seams_of(blob: np.ndarray, height: float, budget: Budget) -> list[Seam]:
    (seams,) = find_seams([blob], height, budget)
    return seams


def touching() -> np.ndarray:
    """Two blocks side by side, that a narrow stroke connects in the middle of the picture."""
    return blocks(HEIGHT, 120, (20, 0, 58, HEIGHT), (62, 0, 100, HEIGHT), (58, 40, 62, 46)).astype(np.float32)


def test_where_two_blobs_touch_there_is_a_seam() -> None:
    seams = seams_of(touching(), HEIGHT, UNLIMITED)
    between = [seam for seam in seams if abs(float(np.median(seam.columns)) - 60) < 4]
    assert len(between) == 1
    assert between[0].ink == pytest.approx(0.1, abs=0.03)
    assert between[0].columns.shape == (HEIGHT,)


def test_seams_come_from_left_to_right_and_apart() -> None:
    middles = [float(seam.columns.mean()) for seam in seams_of(touching(), HEIGHT, UNLIMITED)]
    assert middles == sorted(middles)
    assert min(np.diff(middles)) >= 0.08 * HEIGHT * 0.9


def test_a_gap_costs_no_ink() -> None:
    apart = np.ones((HEIGHT, 80), np.float32)
    apart[:, 38:42] = 0
    (seam,) = seams_of(apart, HEIGHT, UNLIMITED)
    assert seam.ink < 0.02
    assert np.all(np.abs(seam.columns - 39.5) < 3)


def test_a_seam_may_lean() -> None:
    apart = np.ones((HEIGHT, 120), np.float32)
    for y in range(HEIGHT):
        apart[y, 40 + y // 2 : 46 + y // 2] = 0
    best = min(seams_of(apart, HEIGHT, UNLIMITED), key=lambda seam: seam.ink)
    gap, rows = 6, HEIGHT - 4
    assert best.columns[-3] - best.columns[2] == pytest.approx(rows / 2 - gap, abs=2)  # the way within is the shortest


def test_a_full_block_has_none() -> None:
    assert seams_of(np.ones((HEIGHT, 80), np.float32), HEIGHT, UNLIMITED) == []


@pytest.mark.parametrize("scale", [0.5, 2])
def test_the_same_seams_at_any_size(scale: float) -> None:
    blob = cv2.resize(touching(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    seams = seams_of(blob, HEIGHT * scale, UNLIMITED)
    assert min(abs(float(np.median(seam.columns)) - 60 * scale) for seam in seams) < 5 * scale


def test_wider_blobs_cost_more() -> None:
    spent = []
    for width in (60, 240):
        budget = Budget(1.0)
        seams_of(np.ones((HEIGHT, width), np.float32), HEIGHT, budget)
        spent.append(1.0 - budget.left)
    assert 0 < spent[0] < spent[1]
    with pytest.raises(TooMuchWork, match="where digits touch"):
        seams_of(touching(), HEIGHT, Budget(0.0))


def test_blobs_that_are_looked_at_together_have_the_seams_that_they_have_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    leaning = np.ones((HEIGHT // 2, 90), np.float32)
    for y in range(len(leaning)):
        leaning[y, 40 + y // 2 : 46 + y // 2] = 0
    blobs = [touching(), leaning, np.ones((HEIGHT, 80), np.float32), cv2.resize(touching(), None, fx=3, fy=3)]
    alone = [seams_of(blob, HEIGHT, UNLIMITED) for blob in blobs]
    assert [bool(seams) for seams in alone] == [True, True, False, True]
    for columns in (10_000, 250, 1):
        monkeypatch.setattr("app.imaging.seams.TOGETHER", columns)
        together = [*find_seams(blobs, HEIGHT, UNLIMITED)]
        for own, other in zip(alone, together, strict=True):
            assert [seam.ink for seam in own] == [seam.ink for seam in other]
            assert all(np.array_equal(one.columns, two.columns) for one, two in zip(own, other, strict=True))
