"""The digits of other hands themselves, where they are at hand."""

import numpy as np
import pytest

from training.hands import digits, sources
from training.hands.digits import HELD_OUT_SWISS

pytestmark = pytest.mark.skipif(
    not sources.at_hand(sources.SWISS), reason=f"{sources.VARIABLE} names no folder of other hands"
)


@pytest.fixture(scope="module")
def chosen_by() -> dict[str, digits.Digits]:
    return digits.validation()


def test_what_is_chosen_by(chosen_by: dict[str, digits.Digits]) -> None:
    assert {source: len(held.labels) for source, held in chosen_by.items()} == {
        "swiss": 2985,
        "pendigits": 3498,
        "uji": 220,
    }
    for held in chosen_by.values():
        assert held.images.shape == (len(held.labels), 28, 28)
        assert set(held.labels.tolist()) == {*range(10)}


def test_no_writer_is_on_both_sides(chosen_by: dict[str, digits.Digits]) -> None:
    scans = digits.scans()
    assert len(scans.labels) + len(chosen_by["swiss"].labels) == 12_221
    trained = {one.tobytes() for one in scans.images}
    both = sum(one.tobytes() in trained for one in chosen_by["swiss"].images)
    assert both / len(chosen_by["swiss"].labels) < 0.001  # but for plain strokes that are alike by chance
    assert len(HELD_OUT_SWISS) >= 5


def test_trajectories_are_drawn_evenly_and_by_their_seed() -> None:
    known = digits.trajectories()[:30]
    drawn, again = (digits.drawn(known, 70, 3, beside=0.5) for _ in range(2))
    assert np.array_equal(drawn.images, again.images)
    assert np.bincount(drawn.labels).sum() == 70
    assert len({one.writer for one in digits.trajectories()}) == 30


def test_what_is_tested_on_is_apart_by_contributor() -> None:
    held = digits.load_test()
    assert sum(len(part.labels) for part in held.values()) == 15_189
    assert len(held) == 14
