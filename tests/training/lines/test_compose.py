"""Lines as people write them."""

import re

import cv2
import numpy as np
import pytest

from training.data import Mnist
from training.lines import clutter, sheet, texts
from training.lines.clutter import THINGS
from training.lines.compose import HEIGHT, KINDS, compose, draw_lines
from training.lines.hands import Generated, Hands, framed

ALPHABET = set("0123456789.,-'/$€£")


@pytest.fixture
def hands(small_mnist: Mnist) -> Hands:
    return Hands([(1, [Generated()]), (1, [framed("frames", small_mnist.train)])])


def test_the_same_seed_composes_the_same(hands: Hands) -> None:
    first, again, other = (draw_lines(hands, 12, seed) for seed in (1, 1, 2))
    assert [line.raw for line in first] == [line.raw for line in again]
    assert all(np.array_equal(one.ink, two.ink) for one, two in zip(first, again, strict=True))
    assert [line.raw for line in first] != [line.raw for line in other]


@pytest.mark.parametrize("kind", KINDS)
def test_the_box_holds_the_ink(kind: str, hands: Hands) -> None:
    random = np.random.default_rng(0)
    for length in range(1, 13):
        line = compose(hands.draw(random), random, kind=kind, length=length, clutter=0)
        assert (line.ink.dtype, line.kind) == (np.float32, kind)
        assert 0 <= line.ink.min() < line.ink.max() <= 1
        ink = line.ink[line.box.cut]
        assert all(side.max() > 0.2 for side in (ink[:2], ink[-2:], ink[:, :2], ink[:, -2:]))
        assert ink.sum() > 0.95 * line.ink.sum()
        height, width = line.ink.shape
        assert min(line.box.left, line.box.top, width - line.box.right, height - line.box.bottom) >= HEIGHT / 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_has_so_many_digits_and_no_other_characters(kind: str, hands: Hands) -> None:
    random = np.random.default_rng(0)
    for length in range(1, 13):
        line = compose(hands.draw(random), random, kind=kind, length=length, clutter=0)
        assert len(line.text) == length
        assert line.text == re.sub(r"\D", "", line.raw)
        assert set(line.raw) <= ALPHABET
        assert (line.raw != line.text) == (kind == "separated")


def test_all_lengths_are_there_and_few_digits_are_most_often() -> None:
    random = np.random.default_rng(0)
    lengths = [texts.any_length(random) for _ in range(2_000)]
    assert set(lengths) == {*range(1, 13)}
    assert 0.3 < np.mean(np.array(lengths) <= 3) < 0.6


def test_neighbours_touch_or_are_joined_in_those_kinds_alone() -> None:
    random = np.random.default_rng(0)
    parts = {
        kind: np.mean(
            [
                _components(compose(Generated().hand(random), random, kind=kind, length=8, clutter=0).ink)
                for _ in range(15)
            ]
        )
        for kind in ("plain", "touching", "joined")
    }
    assert parts["plain"] >= 7.5
    assert parts["touching"] < 5.5
    assert parts["joined"] < 5.5


def test_sloppy_lines_are_higher_than_their_digits() -> None:
    random = np.random.default_rng(0)
    heights = {
        kind: np.mean([compose(Generated().hand(random), random, kind=kind, length=6).box.height for _ in range(20)])
        for kind in ("plain", "sloppy")
    }
    assert heights["sloppy"] > 1.2 * heights["plain"]


@pytest.mark.parametrize("number", range(len(THINGS)), ids=[one.__name__.strip("_") for one in THINGS])
def test_what_is_left_changes_little_of_the_number(number: int) -> None:
    random = np.random.default_rng(number)
    changed = []
    for _ in range(20):
        line = compose(Generated().hand(random), random, kind="plain", length=5, clutter=0)
        clean = np.rint(line.ink * 255).astype(np.uint8)
        canvas = clean.copy()
        THINGS[number](canvas, line.box, random)
        changed.append(not np.array_equal(canvas, clean))
        assert canvas[line.box.cut][clean[line.box.cut] > 200].mean() > 80
    assert np.mean(changed) > 0.6


def test_clutter_is_there_as_often_as_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[object] = []
    monkeypatch.setattr(clutter, "add", lambda *given: added.append(given))
    random = np.random.default_rng(0)
    for _ in range(60):
        compose(Generated().hand(random), random, length=1, clutter=0.25)
    assert 5 <= len(added) <= 25


def test_a_contact_sheet_has_a_column_for_each_kind(hands: Hands) -> None:
    picture = np.asarray(sheet.draw(hands, 0))
    width, height = sheet.SIZE
    assert picture.shape == (sheet.ROWS * height, len(KINDS) * width)
    for column in range(len(KINDS)):
        assert (picture[:, column * width : (column + 1) * width] < 100).any()


def _components(ink: np.ndarray) -> int:
    count, _, stats, _ = cv2.connectedComponentsWithStats((ink > 0.4).astype(np.uint8))
    return int((stats[1:count, cv2.CC_STAT_HEIGHT] > HEIGHT / 4).sum())
