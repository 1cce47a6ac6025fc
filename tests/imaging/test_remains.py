"""What is left of printed lines."""

import numpy as np
import pytest

from app.budget import UNLIMITED
from app.errors import NoInk
from app.imaging.components import components_of
from app.imaging.remains import REMOVE_REMAINS, without_remains
from tests.imaging.drawn import after, bar, blocks, empty, seconds

ONE = (95, 40, 105, 160)
THIN = (0, 100, 80, 102)


def left(mask: np.ndarray) -> int:
    return len(without_remains(components_of(mask), UNLIMITED).found)


@pytest.mark.parametrize(
    ("box", "stays"),
    [
        (THIN, 0),
        ((60, 100, 140, 102), 1),  # it ends at no border
        ((0, 100, 80, 110), 1),  # as thick as a stroke
        ((100, 120, 101, 200), 0),
    ],
)
def test_long_thin_and_from_the_border(box: tuple[int, int, int, int], stays: int) -> None:
    assert left(blocks(200, 200, box)) == stays


def test_what_is_written_stays() -> None:
    kept = without_remains(components_of(blocks(200, 200, ONE, THIN)), UNLIMITED)
    assert [one.box for one in kept.found] == [ONE]


def test_a_thin_curve_is_no_line() -> None:
    ring = empty(200)
    ring[100, 0:90] = ring[100:190, 90] = 1  # turns at a right angle
    assert left(ring) == 1


def test_the_stage() -> None:
    with pytest.raises(NoInk, match="no ink was found"):
        after(REMOVE_REMAINS, bar(), components=components_of(blocks(200, 200, THIN)))
    with pytest.raises(NoInk):
        after(REMOVE_REMAINS, bar(), components=components_of(empty(50)))
    many, one = (components_of(blocks(200, 200, *boxes)) for boxes in ((ONE, THIN), (ONE,)))
    assert seconds(REMOVE_REMAINS, 200, components=one) < seconds(REMOVE_REMAINS, 200, components=many)
    suspected = after(REMOVE_REMAINS, bar(), components=many).budget.left
    assert suspected < after(REMOVE_REMAINS, bar(), components=one).budget.left
