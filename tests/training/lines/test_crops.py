"""Single digits cut out of forms and cheques, and how they are read."""

from itertools import pairwise

import numpy as np
import pytest

from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS
from training.lines.crops import TROUBLES, Crop, Scene, composed, table
from training.lines.hands import Generated, Hands
from training.lines.prints import Box, Place

HANDS = Hands([(1.0, [Generated()])])


@pytest.fixture(scope="module")
def crops() -> list[Crop]:
    return composed(HANDS, 2 * len(TROUBLES), seed=1)


def test_each_trouble_comes_in_turn_and_the_seed_decides(crops: list[Crop]) -> None:
    assert [crop.trouble for crop in crops] == [*TROUBLES] * 2
    assert all((crop.pixels.dtype, crop.pixels.shape[2]) == (np.uint8, 3) for crop in crops)
    assert all(8 <= min(crop.pixels.shape[:2]) <= max(crop.pixels.shape[:2]) < 250 for crop in crops)
    again = composed(HANDS, 2, seed=1)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(again, crops, strict=False))
    assert any(one.pixels.shape != other.pixels.shape for one, other in pairwise(crops))


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if name not in {"none", "ground"}])
def test_a_trouble_changes_what_is_seen(trouble: str) -> None:
    random = np.random.default_rng(3)
    ink = np.zeros((80, 60), np.float32)
    ink[20:60, 20:40] = 1
    place = Place(Box(20, 20, 40, 60), 40)
    scene = Scene(ink.copy(), np.zeros_like(ink), np.ones_like(ink), place, Generated().hand(random))
    TROUBLES[trouble](scene, random)
    changed = (scene.ink != ink).any(), scene.printed.any(), (scene.light != 1).any()
    assert any(changed)
    if trouble in {"mark", "neighbour"}:
        assert np.array_equal(scene.ink[ink > 0], ink[ink > 0])  # beside it
        assert scene.ink.sum() > ink.sum()
    if trouble in {"broken", "faint"}:
        assert scene.ink.sum() < ink.sum()


def test_how_they_are_read_stands_in_a_table() -> None:
    lines = table(composed(HANDS, 20 * len(TROUBLES), seed=1), read_bundle(DIGITS)).splitlines()
    assert lines[0].split() == ["220", "crops", "first", "chosen", "frames", "accepted", "right", "rejected"]
    assert [line.rsplit(maxsplit=6)[0] for line in lines[1:]] == [*TROUBLES, "all"]
    first, chosen, frames, accepted, right, rejected = (float(share.rstrip("%")) for share in lines[-1].split()[1:])
    assert 50 < first <= chosen <= 100
    assert 1 <= frames <= 4
    assert 10 < accepted < 100
    assert chosen < 100
    assert right > chosen  # what is accepted is read better than the rest
    assert 0 <= rejected <= 100 - accepted
