"""Of very many components the largest stay."""

import numpy as np

from app.imaging.components import components_of
from app.imaging.largest import KEEP_LARGEST, MOST_COMPONENTS
from tests.imaging.drawn import after, bar, blocks, empty, seconds


def dots(side: int) -> np.ndarray:
    mask = empty(side)
    mask[::3, ::3] = 1
    return mask


def test_a_digit_among_dots_stays() -> None:
    mask = dots(90)
    mask[30:60, 40:46] = 1
    kept = after(KEEP_LARGEST, bar(), components=components_of(mask)).components
    assert len(kept.names) == MOST_COMPONENTS
    assert kept.stats[:, 4].max() >= 180


def test_few_stay_as_they_are() -> None:
    few = components_of(blocks(30, 30, (3, 3, 9, 9), (12, 12, 15, 15)))
    assert after(KEEP_LARGEST, bar(), components=few).components is few


def test_the_more_the_dearer() -> None:
    costs = [seconds(KEEP_LARGEST, 90, components=components_of(dots(side))) for side in (30, 90)]
    assert costs[0] < costs[1]
