"""The stage that connects ink."""

from app.imaging.connect import CONNECT
from tests.imaging.drawn import after, bar, blocks, seconds


def test_two_blocks_are_two_components() -> None:
    mask = blocks(50, 50, (5, 5, 10, 40), (20, 5, 30, 40))
    assert len(after(CONNECT, bar(), mask=mask).components.found) == 2


def test_what_it_costs() -> None:
    assert seconds(CONNECT, 50) < seconds(CONNECT, 500)
