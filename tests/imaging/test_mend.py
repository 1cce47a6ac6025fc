"""Broken strokes, taken whole."""

import cv2
import numpy as np
import pytest

from app.imaging.components import components_of
from app.imaging.mend import BRIDGE_GAPS, LARGEST, MOST_PARTS, TAKE_PARTS, bridged, is_broken
from app.imaging.picture import Picture
from tests.imaging.drawn import Grey, Ink, after, bar, blocks, component, picture_of, seconds


def parts(mask: Grey) -> int:
    return len(components_of(mask).names)


def bridged_mask(mask: Grey) -> Grey:
    made: Ink = bridged(mask.astype(np.float32))
    return (made > 0.5).astype(np.uint8)


def ring(gaps: Grey | None = None) -> Grey:
    mask = np.zeros((80, 80), np.uint8)
    cv2.ellipse(mask, (40, 40), (20, 34), 0, 0, 360, 1, 5)
    return mask if gaps is None else mask * (1 - gaps)


@pytest.mark.parametrize("gap", [(38, 0, 44, 80), (0, 38, 80, 44)], ids=["upright", "level"])
def test_a_ring_that_a_line_went_through_is_whole_again(gap: tuple[int, int, int, int]) -> None:
    broken = ring(blocks(80, 80, gap))
    assert parts(broken) == 2
    whole = bridged_mask(broken)
    assert parts(whole) == 1
    assert cv2.connectedComponents(1 - whole, connectivity=4)[0] == 3  # its inside stays apart from its outside,
    assert (whole != ring()).sum() < 0.06 * ring().sum()  # and it is about as it was


def test_a_stroke_that_leans_is_bridged_along_it() -> None:
    mask = np.zeros((80, 80), np.uint8)
    cv2.line(mask, (10, 70), (70, 10), 1, 5)
    mask[36:44, 36:44] = 0
    assert (parts(mask), parts(bridged_mask(mask))) == (2, 1)


def test_what_is_too_far_stays_apart() -> None:
    mask = blocks(80, 80, (38, 5, 42, 30), (38, 50, 42, 75))
    assert np.array_equal(bridged_mask(mask), mask)


def test_room_within_one_part_is_no_gap() -> None:
    narrow = blocks(80, 80, (10, 10, 16, 70), (22, 10, 28, 70), (10, 64, 28, 70))  # a U
    beside = blocks(80, 80, (70, 10, 76, 70))
    assert np.array_equal(bridged_mask(narrow | beside), narrow | beside)


@pytest.mark.parametrize("shape", [(1, 1), (1, 80), (80, 1), (2, 3)])
def test_any_shape(shape: tuple[int, int]) -> None:
    assert bridged(np.ones(shape, np.float32)).shape == shape


def found(mask: Grey, main: tuple[int, int, int, int]) -> Picture:
    components = components_of(mask)
    area = int(mask[main[1] : main[3], main[0] : main[2]].sum())
    return picture_of(bar(), components=components, digit=[component(*main)._replace(area=area)])


def test_a_digit_is_broken_where_another_part_may_be_its_own() -> None:
    main, large, speck = (40, 10, 48, 60), (40, 64, 48, 90), (80, 80, 82, 82)
    assert is_broken(found(blocks(100, 100, main, large), main))
    assert not is_broken(found(blocks(100, 100, main), main))
    assert not is_broken(found(blocks(100, 100, main, speck), main))
    many = [(10 * place, 0, 10 * place + 5, 20) for place in range(MOST_PARTS + 1)]
    assert is_broken(found(blocks(40, 200, *many[:-1]), many[0]))
    assert not is_broken(found(blocks(40, 200, *many), many[0]))


def test_the_stage_that_takes_parts() -> None:
    main, large, speck = (40, 10, 48, 60), (0, 64, 48, 90), (80, 80, 82, 82)
    mask = blocks(100, 100, main, large, speck)
    before = found(mask, main)
    picture = after(TAKE_PARTS, bar(), components=before.components, digit=before.digit)
    assert {tuple(part.box) for part in picture.digit} == {main, large}
    assert np.array_equal(picture.digit_mask, blocks(100, 100, main, large))
    assert tuple(picture.box) == (0, 10, 48, 90)
    assert seconds(TAKE_PARTS, 50) < seconds(TAKE_PARTS, 500)


@pytest.mark.parametrize("shape", [(480, 2), (3, 480), (200, 300), (20, 30)])
def test_the_stage_that_bridges(shape: tuple[int, int]) -> None:
    picture = after(BRIDGE_GAPS, bar(), soft=np.ones(shape, np.float32))
    assert max(picture.soft.shape) == min(LARGEST, max(shape))
    assert picture.steps == ("bridge gaps",)
    assert seconds(BRIDGE_GAPS, 50) < seconds(BRIDGE_GAPS, 500)
