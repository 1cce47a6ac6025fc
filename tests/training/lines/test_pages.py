"""Lines of ink as pictures that people send."""

import numpy as np
import pytest

from app.imaging.boxes import Box
from training.lines import cameras, prints
from training.lines.cameras import Sheet
from training.lines.compose import Line, compose
from training.lines.hands import Generated
from training.lines.pages import BEYOND, KINDS, LARGEST, SMALLEST, page
from training.lines.prints import PRINTS, Place

PLACE = Place(Box(120, 60, 280, 100), 40)


@pytest.fixture(scope="module")
def line() -> Line:
    random = np.random.default_rng(0)
    return compose(Generated().hand(random), random, kind="plain", length=4, clutter=0)


def white(height: int = 180, width: int = 420) -> Sheet:
    return np.full((height, width, 3), 255, np.float32)


def printed(kind: str, seed: int) -> np.ndarray:
    """Where something is printed, bool [H, W]."""
    sheet: np.ndarray = PRINTS[kind](white(), PLACE, np.random.default_rng(seed))
    return (sheet < 253).any(axis=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_a_picture_in_colours_that_its_seed_decides(kind: str, line: Line) -> None:
    first, again, other = (page(line, kind, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.dtype, first.shape[2]) == (np.uint8, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_ink_stands_out_from_its_paper(kind: str, line: Line) -> None:
    for seed in range(8):
        grey = page(line, kind, np.random.default_rng(seed)).mean(axis=2)
        low, middle, high = np.quantile(grey, (0.002, 0.5, 0.998))
        assert max(middle - low, high - middle) > 40


def test_digits_are_of_all_sizes_with_paper_around(line: Line) -> None:
    inked = []
    for seed in range(60):
        picture = page(line, "screen", np.random.default_rng(seed)).astype(int)
        rows = np.flatnonzero((np.abs(picture - picture[0, 0]) > 60).any(axis=(1, 2)))
        assert len(rows) < picture.shape[0] < (1 + 2 * BEYOND) * len(rows)
        inked.append(len(rows))
    assert 0.8 * SMALLEST < min(inked) < 2 * SMALLEST
    assert LARGEST / 2 < max(inked) < 1.3 * LARGEST


@pytest.mark.parametrize("kind", ["scan", "photo", "screen"])
def test_nothing_is_printed_on_plain_paper(kind: str) -> None:
    assert not printed(kind, 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_box_is_around_the_number_alone(seed: int) -> None:
    box = printed("boxed", seed)
    assert not box[PLACE.box.cut].any()
    row, column = (box[80], box[:, 200])
    assert row[:120].any()
    assert row[280:].any()
    assert column[:60].any()
    assert column[100:].any()


@pytest.mark.parametrize("seed", range(5))
def test_a_field_is_around_the_number_and_says_what_it_is_for(seed: int) -> None:
    words = sum(printed("form", one)[:, :60].any() or printed("form", one)[:30].any() for one in range(seed, seed + 8))
    assert printed("form", seed)[80, :120].any()
    assert words


def test_ruled_paper_has_lines_and_squared_paper_has_them_upright_too() -> None:
    for seed in range(5):
        ruled, squared = (printed(kind, seed).mean(axis=1) for kind in ("ruled", "squared"))
        assert (ruled > 0.9).any()
        assert (ruled < 0.1).any()
        assert (printed("squared", seed).mean(axis=0) > 0.9).any()
        assert (squared > 0.9).any()


def test_a_cheque_has_a_pattern_behind_the_number_and_around_it() -> None:
    for seed in range(5):
        pattern = printed("cheque", seed)
        assert pattern[PLACE.box.cut].mean() > 0.05
        assert pattern[:40].mean() > 0.05


def test_a_base_line_is_at_the_digits_feet_and_solid_or_dotted() -> None:
    covers = []
    for seed in range(12):
        layer = np.zeros((180, 420), np.float32)
        prints._base_line(layer, PLACE, np.random.default_rng(seed))
        rows = np.flatnonzero(layer.any(axis=1))
        assert abs(rows.mean() - PLACE.box.bottom) <= 0.15 * PLACE.tall + 1
        covers.append(layer[rows].max(axis=0)[120:280].mean())
    assert min(covers) < 0.8
    assert max(covers) == 1


def test_what_has_no_room_is_not_printed() -> None:
    layer, word = np.zeros((20, 30), np.float32), np.ones((5, 8), np.float32)
    prints._stamp(layer, word, 25, 3)
    assert not layer.any()
    prints._stamp(layer, word, 22, 15)
    assert layer.sum() == word.size


def test_a_photographed_number_stays_in_its_picture() -> None:
    sheet = white(60, 800)
    sheet[20:40, 20:30] = sheet[20:40, -30:-20] = 0  # 200 pixels each
    for seed in range(30):
        seen = cameras.photographed(sheet.copy(), 20, np.random.default_rng(seed)).mean(axis=2)
        for end in (seen[:, :60], seen[:, -60:]):
            assert (end < 0.75 * np.median(end)).sum() > 120


def test_light_falls_unevenly_and_never_goes_out() -> None:
    lit = [cameras.lighting((80, 200), np.random.default_rng(seed)) for seed in range(20)]
    assert min(one.min() for one in lit) >= 0.2
    assert np.median([one.max() - one.min() for one in lit]) > 0.2


def test_some_scans_are_black_and_white_and_many_are_grey() -> None:
    scans = [cameras.scanned(_tinted(), 20, np.random.default_rng(seed)) for seed in range(40)]
    assert 2 <= sum(len(np.unique(one)) == 2 for one in scans) <= 15
    assert 10 <= sum(bool((one[..., 0] == one[..., 2]).all()) for one in scans) <= 32


def _tinted() -> Sheet:
    sheet = white(40, 60)
    sheet[10:30, 20:26] = (20, 40, 160)
    return sheet
