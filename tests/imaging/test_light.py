"""Ink on paper that is lit evenly, and unevenly."""

from typing import Any

import numpy as np
import pytest

from app.imaging.light import LIGHT, LIGHT_ON_NARROW_STROKES, NARROWER, WIDEST_STROKE, on_flat_paper, on_uneven_paper
from app.imaging.shades import two_shades
from tests.imaging.drawn import INK, PAPER, after, bar, paper, seconds


@pytest.mark.parametrize("dark", [True, False])
def test_on_flat_paper_ink_is_how_far_a_shade_is_from_papers(dark: bool) -> None:
    grey = bar() if dark else 255 - bar()
    ink = on_flat_paper(grey, two_shades(grey), dark=dark)
    assert (ink.dtype, ink.shape) == (np.float32, grey.shape)
    assert ink[0, 0] == 0
    assert ink[50, 50] == pytest.approx((PAPER - INK) / 255)


def test_what_is_brighter_than_paper_is_no_ink() -> None:
    grey = bar()
    grey[:5] = 255
    assert on_flat_paper(grey, two_shades(grey), dark=True)[:5].max() == 0


def test_a_few_shades_are_no_contrast() -> None:
    grey = bar(ink=PAPER - 6)
    assert not on_flat_paper(grey, two_shades(grey), dark=True).any()


def lit(grey: np.ndarray) -> np.ndarray:
    return np.rint(grey * np.linspace(1, 0.5, grey.shape[1])).astype(np.uint8)


def test_under_uneven_light_ink_is_the_share_of_light_that_is_missing() -> None:
    two = paper(200)
    two[40:160, 40:50] = two[40:160, 150:160] = 23  # a tenth of the paper's light is left
    ink = on_uneven_paper(lit(two), WIDEST_STROKE, dark=True)
    assert ink[100, 45] == pytest.approx(0.9, abs=0.05)
    assert ink[100, 155] == pytest.approx(0.9, abs=0.05)  # where light is weaker by a third
    assert ink[20:180, 70:130].max() < 0.05


def test_chalk_under_uneven_light() -> None:
    ink = on_uneven_paper(lit(bar(200, 200, 50, 220)), WIDEST_STROKE, dark=False)
    assert ink[100, 100] > 0.3
    assert ink[100, 20] < 0.05


def shadow(share: float) -> np.ndarray:
    """Over the lower half, with a stroke on it."""
    grey = paper(200)
    grey[100:] = np.rint(grey[100:] * share)
    grey[30:170, 95:105] //= 5
    return grey


def test_a_shadow_is_no_ink() -> None:
    ink = on_uneven_paper(shadow(0.7), WIDEST_STROKE, dark=True)
    assert ink[150, 30] < 0.1
    assert ink[150, 100] > 0.7


def blot(width: int, shade: int = 20) -> np.ndarray:
    grey = paper(200)
    grey[60:140, 100 - width // 2 : 100 + width // 2] = shade
    return grey


def test_ink_as_thick_as_a_shadow_is_told_by_its_darkness() -> None:
    assert on_uneven_paper(blot(80), WIDEST_STROKE, dark=True)[100, 100] > 0.8
    assert on_uneven_paper(blot(80, 160), WIDEST_STROKE, dark=True)[100, 100] < 0.1


def test_a_desk_along_a_side_is_none() -> None:
    grey = paper(200)
    grey[:70] = 20
    assert on_uneven_paper(grey, WIDEST_STROKE, dark=True)[20, 100] < 0.1


@pytest.mark.parametrize(("left", "right", "is_ink"), [(40, 160, False), (80, 130, True)])
def test_what_lies_along_much_of_a_side_is_none(left: int, right: int, is_ink: bool) -> None:
    grey = paper(200)
    grey[:80, left:right] = 20
    ink = on_uneven_paper(grey, NARROWER, dark=True)[20, (left + right) // 2]
    assert bool(ink > 0.5) is is_ink


def test_narrow_strokes_alone() -> None:
    grey = blot(44, 160)  # narrower than the widest stroke, wider than a narrow one
    assert on_uneven_paper(grey, WIDEST_STROKE, dark=True)[100, 100] > 0.2
    assert on_uneven_paper(grey, NARROWER, dark=True)[100, 100] < 0.05


FOUND: dict[str, Any] = {"grey": bar(), "channel": "blue", "is_ink_dark": True, "shades": two_shades(bar())}
UNEVEN = FOUND | {"shades": FOUND["shades"]._replace(flat=False), "channel": ""}


@pytest.mark.parametrize(
    ("found", "steps"),
    [
        (FOUND, ("blue channel", "invert")),
        (UNEVEN, ("even light", "invert")),
        (UNEVEN | {"is_ink_dark": False}, ("even light",)),
    ],
)
def test_the_stage_says_what_it_did(found: dict[str, Any], steps: tuple[str, ...]) -> None:
    assert after(LIGHT, bar(), **found).steps == steps


def test_what_it_costs() -> None:
    assert seconds(LIGHT, 50, **FOUND) < seconds(LIGHT, 500, **FOUND) < seconds(LIGHT, 500, **UNEVEN)
    assert seconds(LIGHT_ON_NARROW_STROKES, 50, **UNEVEN) < seconds(LIGHT_ON_NARROW_STROKES, 500, **UNEVEN)


def test_both_stages_look_for_strokes_of_their_width() -> None:
    found = UNEVEN | {"grey": blot(44, 160)}
    assert after(LIGHT, bar(), **found).ink[100, 100] > 0.2
    assert after(LIGHT_ON_NARROW_STROKES, bar(), **found).ink[100, 100] < 0.05
