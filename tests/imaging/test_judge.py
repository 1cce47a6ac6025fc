"""What may be wrong with a digit, by its picture alone."""

import pytest

from app.imaging.boxes import box_around
from app.imaging.components import components_of
from app.imaging.judge import JUDGE, judge
from app.imaging.verdicts import Judgement, Verdict
from tests.imaging.drawn import after, bar, blocks, seconds, separated
from training.constants import PREPARATION

Place = tuple[int, int, int, int]
DIGIT = (80, 60, 120, 140)


def judged(digit: Place, *others: Place, typical: float = 0.8, believed: float | None = None) -> Judgement:
    mask = blocks(200, 200, digit, *others)
    components = components_of(mask)
    own = [one for one in components.found if one.box == digit]
    box = box_around([one.box for one in own])
    return judge(separated(mask, typical), components, own, box, believed, PREPARATION.doubt)


@pytest.mark.parametrize(
    ("digit", "verdict"),
    [
        (DIGIT, "ok"),
        ((80, 0, 120, 90), "clipped"),
        ((0, 0, 40, 80), "clipped"),
        ((160, 60, 200, 140), "clipped"),
        ((80, 0, 120, 200), "ok"),  # cropped to its height
        ((0, 0, 200, 190), "ok"),  # cropped all round, but for a little
        ((96, 96, 100, 104), "low_resolution"),
    ],
)
def test_where_and_how_large_a_digit_is(digit: Place, verdict: Verdict) -> None:
    assert judged(digit).verdict == verdict


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ((140, 60, 180, 140), "several_digits"),
        ((140, 60, 144, 64), "ok"),  # a speck
        ((140, 60, 141, 140), "ok"),  # tall, but hardly any ink
        ((140, 0, 180, 90), "several_digits"),
    ],
)
def test_another_digit_beside_it(other: Place, verdict: Verdict) -> None:
    assert judged(DIGIT, other).verdict == verdict


def test_what_touches_the_border_may_be_of_the_same_clipped_digit() -> None:
    assert judged((60, 0, 90, 90), (110, 0, 140, 90)).verdict == "clipped"


def test_a_printed_box_around_is_no_digit() -> None:
    mask = (
        blocks(200, 200, (50, 30, 150, 170))
        - blocks(200, 200, (54, 34, 146, 166))
        + blocks(200, 200, DIGIT, (5, 5, 9, 9))
    )
    components = components_of(mask)
    own = [one for one in components.found if one.box == DIGIT]
    assert judge(separated(mask), components, own, own[0].box, None, PREPARATION.doubt).verdict == "ok"


def test_what_the_model_may_doubt() -> None:
    assert judged(DIGIT) == Judgement("ok", "not_a_digit", PREPARATION.doubt.clear)
    assert judged((80, 0, 120, 90)) == Judgement("clipped", "clipped")
    assert judged(DIGIT, typical=0.1, believed=3.0) == Judgement("faint", "blank", 3.0)


def test_the_stage() -> None:
    components = components_of(blocks(200, 200, DIGIT))
    found = {"separated": separated(components.labels > 0), "components": components, "digit": components.found}
    picture = after(JUDGE, bar(), box=components.found[0].box, believed=None, **found)
    assert picture.judgement.verdict == "ok"
    more = components_of(blocks(200, 200, DIGIT, (5, 5, 9, 9)))
    assert seconds(JUDGE, 9, components=components) < seconds(JUDGE, 9, components=more)
