"""The channel that shows the ink best."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.imaging.channel import CHANNEL, strongest_channel
from tests.imaging.drawn import after, bar, paper, picture_of, seconds

WHITE = 235


def pen(red: int, green: int, blue: int, side: int = 90) -> NDArray[np.uint8]:
    return np.dstack([bar(side, side, WHITE, ink) for ink in (red, green, blue)])


@pytest.mark.parametrize(
    ("ink", "name"),
    [((WHITE, 120, 10), "blue"), ((20, WHITE, WHITE), "red"), ((WHITE, 30, WHITE), "green"), ((20, 20, 25), "")],
)
def test_a_pen_is_seen_in_the_channel_that_it_darkens(ink: tuple[int, int, int], name: str) -> None:
    picture = pen(*ink)
    grey, channel = strongest_channel(picture)
    assert channel == name
    if name:
        assert np.array_equal(grey, picture[..., ("red", "green", "blue").index(name)])


def test_grey_stays_as_it_is() -> None:
    grey = bar()
    assert strongest_channel(grey) == (grey, "")


def test_what_lies_around_the_paper_does_not_count() -> None:
    picture = pen(20, 20, 25)
    picture[:6] = (255, 255, 0)  # strong in blue, at the border
    assert strongest_channel(picture)[1] == ""


def test_the_stage() -> None:
    picture = after(CHANNEL, pen(WHITE, 120, 10))
    assert (picture.channel, picture.grey.shape, picture.steps) == ("blue", (90, 90), ())
    coloured = [CHANNEL.seconds(picture_of(np.dstack([paper(side)] * 3))) for side in (50, 500)]
    assert seconds(CHANNEL, 500) < coloured[0] < coloured[1]
