"""How pictures become frames is told by values that nobody changes, and that reach the pool's processes whole."""

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from app.imaging.centre import centre
from app.imaging.fit import fit
from tests.imaging.drawn import blocks
from training.constants import PREPARATION


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PREPARATION.side = 32  # type: ignore[misc]  # what must not be


def test_it_travels_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(PREPARATION)) == PREPARATION


@pytest.mark.parametrize("side", [28, 32, 64])
def test_a_frame_is_as_large_as_it_says(side: int) -> None:
    other = replace(PREPARATION, side=side, box=side - 8, middle=side / 2)
    frame = centre(fit(blocks(40, 40, (10, 5, 20, 35)).astype("float32"), other)[0], other)
    assert frame.shape == (side, side)
    assert abs(int((frame.max(axis=1) > 0).sum()) - (side - 8)) <= 1
