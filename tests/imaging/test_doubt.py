"""Grain, dirt and shadows told from digits, as far as a picture alone tells them."""

from typing import Any

import cv2
import numpy as np
import pytest

from app.errors import NoInk
from app.imaging.boxes import Box
from app.imaging.doubt import DOUBT, believed_if_faint, is_nothing
from app.imaging.lines import Line
from tests.imaging.drawn import after, bar, blocks, component, seconds, separated
from training.constants import PREPARATION

PLACE = (80, 50, 120, 150)
MASK = blocks(200, 200, PLACE)
SHARP = MASK * np.float32(0.8)
SHADOW = cv2.GaussianBlur(MASK * np.float32(0.2), (0, 0), 9)


@pytest.mark.parametrize(
    ("place", "typical", "nothing"),
    [(PLACE, 0.8, False), (PLACE, 0.02, True), ((80, 80, 84, 84), 0.8, True), ((80, 80, 90, 90), 0.8, False)],
)
def test_dirt_and_grain_are_nothing(place: tuple[int, int, int, int], typical: float, nothing: bool) -> None:
    assert is_nothing(separated(MASK, typical), MASK, component(*place)) is nothing


def believed(ink: np.ndarray, typical: float, alone: float = 1.0, signs: int = 0) -> float | None:
    return believed_if_faint(separated(MASK, typical), ink, MASK, alone, signs, PREPARATION.doubt)


def test_strong_ink_is_not_doubted() -> None:
    assert believed(SHARP, 0.8) is None


def test_a_sharp_stroke_of_weak_ink_is_none_of_a_stain() -> None:
    assert believed(MASK * np.float32(0.2), 0.2) is None


def test_faint_ink_is_believed_as_far_as_it_stands_alone() -> None:
    alone, among = believed(MASK * np.float32(0.1), 0.1), believed(MASK * np.float32(0.1), 0.1, alone=0.3)
    assert alone is not None
    assert among is not None
    assert alone - among == pytest.approx(0.7 * PREPARATION.doubt.alone)


def test_what_fades_is_believed_less() -> None:
    sharp, shadow = believed(MASK * np.float32(0.1), 0.1), believed(SHADOW, 0.2)
    assert sharp is not None
    assert shadow is not None
    assert shadow < sharp


def test_each_sign_of_something_else_counts() -> None:
    none, two = believed(SHADOW, 0.1), believed(SHADOW, 0.1, signs=2)
    assert none is not None
    assert two is not None
    assert two - none == pytest.approx(2 * PREPARATION.doubt.sign)


def found(typical: float, **more: Any) -> dict[str, Any]:
    digit = [component(*PLACE, borders=more.pop("borders", 0))]
    return {
        "separated": separated(MASK, typical),
        "ink": MASK * np.float32(typical),
        "digit": digit,
        "digit_mask": MASK,
        "box": Box(*PLACE),
        "soft": np.maximum(MASK, blocks(200, 200, (0, 0, 10, 200))).astype(np.float32),
        "lines": [],
        **more,
    }


def test_the_stage_tells_the_digits_share_of_all_ink() -> None:
    picture = after(DOUBT, bar(), **found(0.8))
    assert picture.share == pytest.approx(4000 / 6000)
    assert picture.believed is None


def test_borders_and_lines_are_signs() -> None:
    plain = after(DOUBT, bar(), **found(0.1)).believed
    signs = after(DOUBT, bar(), **found(0.1, borders=1, lines=[Line((0, 0), (9, 9), 1)])).believed
    assert plain is not None
    assert signs is not None
    assert signs - plain == pytest.approx(2 * PREPARATION.doubt.sign)


def test_grain_is_no_ink() -> None:
    with pytest.raises(NoInk):
        after(DOUBT, bar(), **found(0.02))


def test_what_it_costs() -> None:
    one, two = ({"digit": [component(*PLACE)] * count} for count in (1, 2))
    assert seconds(DOUBT, 50, **one) < seconds(DOUBT, 500, **one) < seconds(DOUBT, 500, **two)
