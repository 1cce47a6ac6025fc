"""Connected components, against scipy's."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from app.imaging.boxes import Box
from app.imaging.components import Component, Components, components_of, has_few, labelled
from tests.imaging.drawn import blocks, empty

TWO = blocks(20, 30, (2, 3, 8, 9), (15, 0, 18, 20))


def test_two_blocks_are_two_components() -> None:
    first, second = sorted(components_of(TWO).found, key=lambda one: one.box)
    assert (first.box, first.area, first.borders) == (Box(2, 3, 8, 9), 36, 0)
    assert (second.box, second.area, second.borders) == (Box(15, 0, 18, 20), 60, 2)


def test_a_corner_connects() -> None:
    assert len(components_of(blocks(9, 9, (1, 1, 4, 4), (4, 4, 7, 7))).found) == 1


def test_nothing_has_no_component() -> None:
    assert components_of(empty(9)).found == []


def test_one_component_is_labelled_as_many_are() -> None:
    """A quicker way is taken for it, which must tell the same. A hole is no component."""
    ring = blocks(20, 20, (3, 4, 15, 16)) - blocks(20, 20, (6, 7, 9, 9))
    (one,) = components_of(ring).found
    assert one == Component(1, Box(3, 4, 15, 16), int(ring.sum()), 0)
    assert np.array_equal(labelled(ring)[0], ring)


def test_what_lies_in_a_hole_is_a_component_of_its_own() -> None:
    around = blocks(20, 20, (3, 4, 15, 16)) - blocks(20, 20, (5, 6, 13, 14))
    outer, inner = sorted(components_of(around + blocks(20, 20, (8, 8, 10, 11))).found, key=lambda one: one.box)
    assert (outer.box, outer.area) == (Box(3, 4, 15, 16), int(around.sum()))
    assert (inner.box, inner.area) == (Box(8, 8, 10, 11), 6)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_the_same_components_as_scipys(share: float) -> None:
    mask = (np.random.default_rng(0).random((40, 60)) < share).astype(np.uint8)
    expected, count = ndimage.label(mask, np.ones((3, 3)))
    found = components_of(mask)
    assert len(found.names) == count
    pairs = set(zip(expected[mask > 0].tolist(), found.labels[mask > 0].tolist(), strict=True))
    assert len(pairs) == count
    assert sorted(found.stats[:, 4].tolist()) == sorted(np.bincount(expected.ravel())[1:].tolist())


def test_many_are_told_from_few() -> None:
    assert has_few(TWO)
    dots: NDArray[np.uint8] = empty(40)
    dots[::2, ::2] = 1
    assert not has_few(dots)


def chosen(components: Components) -> list[tuple[int, ...]]:
    return [one.box for one in components.found]


def test_the_largest_keep_their_order() -> None:
    three = components_of(blocks(20, 40, (0, 0, 4, 4), (10, 0, 12, 2), (20, 0, 25, 5)))
    assert chosen(three.largest(2)) == [(0, 0, 4, 4), (20, 0, 25, 5)]
    assert three.largest(3) is three


def test_a_mask_of_those_that_were_chosen() -> None:
    both = components_of(TWO)
    assert np.array_equal(both.mask(both.found), TWO)
    small = both.mask([one for one in both.found if one.area == 36])
    assert np.array_equal(small, blocks(20, 30, (2, 3, 8, 9)))


def test_weights_are_sums_of_ink() -> None:
    both = components_of(TWO)
    ink = np.where(np.arange(30) < 10, 0.5, 0.25).astype(np.float32) * np.ones((20, 1), np.float32)
    weights = dict(zip((one.area for one in both.found), both.weights(ink).tolist(), strict=True))
    assert weights == {36: pytest.approx(18.0), 60: pytest.approx(15.0)}
    alone = both.only(np.array([one.area == 60 for one in both.found]))
    assert alone.weights(ink).tolist() == [pytest.approx(15.0)]
