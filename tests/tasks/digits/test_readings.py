"""What a number says, by cutting and by a line reader together."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.imaging.boxes import Box
from app.imaging.candidates import CANDIDATE, MOST_PIECES
from app.imaging.numbers import Number
from app.imaging.picture import Candidate
from app.imaging.strips import READ_COLUMN, Strip
from app.tasks.digits import readings
from app.tasks.digits.beam import Scores
from app.tasks.digits.readings import by_cutting, with_line
from app.tasks.lines.ctc import Columns
from app.tasks.lines.trust import Reader, Trust
from training.constants import NUMBERS

ALPHABET = "0123456789.,-'/$€£"
FRAME = np.zeros((28, 28), np.uint8)
TRUST = Trust(cut=0.5, uncut=-15, line=1, other=-4)
READER = Reader(ALPHABET, 2, TRUST)
SURE, ODD = -15.0, 9.0  # energies


def number(digits: int) -> Number:
    """Digits 20 pixels high that stand 30 apart, each of which may be cut in two."""
    candidates = []
    for place in range(digits):
        first, second = (Box(30 * place + left, 0, 30 * place + left + 9, 20) for left in (0, 8))
        candidates += [
            Candidate(2 * place, 2 * place + 2, Box(first.left, 0, second.right, 20), FRAME),
            Candidate(2 * place, 2 * place + 1, first, FRAME),
            Candidate(2 * place + 1, 2 * place + 2, second, FRAME),
        ]
    return Number([-1.0, 0.1] * digits, 20, candidates, 0, Strip(FRAME, -8, 1.0))


def scored(*digits: int) -> Scores:
    """The whole digits are seen as these, halves as nothing."""
    rows = np.full((3 * len(digits), 11), 1e-3, np.float32)
    rows[:, 10] = ODD
    for place, digit in enumerate(digits):
        rows[3 * place, digit], rows[3 * place, 10] = 0.98, SURE
    return rows


def columns(written: str, apart: int = 15, sure: float = 0.98) -> Columns:
    """Of a line reader that sees a character in every so manyth column."""
    found = np.full((apart * len(written) + 8, 1 + len(ALPHABET)), 1e-4, np.float32)
    found[:, 0] = 1
    for place, character in enumerate(written):
        found[4 + apart * place] = (1 - sure) / len(ALPHABET)
        found[4 + apart * place, 1 + ALPHABET.index(character)] = sure
    return found / found.sum(axis=1, keepdims=True)


def test_both_agree() -> None:
    ranking = with_line(number(2), scored(4, 2), NUMBERS, 3, columns("42"), READER)
    assert ranking is not None
    assert (ranking.texts[0], ranking.raw) == ("42", "42")
    assert ranking.confidences[0] > 0.9
    assert [digit.box for digit in ranking.digits] == [Box(0, 0, 17, 20), Box(30, 0, 47, 20)]
    assert sum(ranking.confidences) < 1
    assert all(digit.confidence >= ranking.confidences[0] for digit in ranking.digits)


def test_the_surer_one_is_believed() -> None:
    unsure = scored(4, 2)
    unsure[3, [2, 7]] = 0.45, 0.53
    assert (by := by_cutting(number(2), unsure, NUMBERS, 3)) is not None
    assert by.texts[0] == "47"
    ranking = with_line(number(2), unsure, NUMBERS, 3, columns("42"), READER)
    assert ranking is not None
    assert ranking.texts[:2] == ["42", "47"]
    blurred = with_line(number(2), scored(4, 2), NUMBERS, 3, columns("47", sure=0.3), READER)
    assert blurred is not None
    assert blurred.texts[0] == "42"


def test_what_no_cut_spells_has_boxes_all_the_same() -> None:
    """Three digits in two parts, of which neither looks like one."""
    whole = number(2)
    whole = whole._replace(candidates=whole.candidates[::3])
    odd = scored(4, 2)[::3]
    odd[:, 10] = ODD
    trusting = READER._replace(trust=replace(TRUST, line=3))
    ranking = with_line(whole, odd, NUMBERS, 3, columns("412", apart=8), trusting)
    assert ranking is not None
    assert ranking.texts[0] == "412"
    boxes = [digit.box for digit in ranking.digits]
    assert all(left.right == right.left for left, right in pairwise(boxes))
    assert (boxes[0].left, boxes[-1].right, boxes[0].height) == (0, 47, 20)


def test_marks_are_written_and_not_read() -> None:
    ranking = with_line(number(4), scored(1, 2, 5, 0), NUMBERS, 3, columns("$1,25.0-", apart=8), READER)
    assert ranking is not None
    assert (ranking.texts[0], ranking.raw) == ("1250", "$1,25.0-")


@pytest.mark.parametrize("seen", ["", ".", "--"])
def test_dirt_is_no_number(seen: str) -> None:
    dirt = scored(4)
    dirt[:, 10] = 40
    assert by_cutting(number(1), dirt, NUMBERS, 3) is None
    assert with_line(number(1), dirt, NUMBERS, 3, columns(seen), READER) is None


def test_a_way_of_cutting_is_found_for_a_text_that_it_takes_for_unlikely() -> None:
    likely = readings.likely_texts(number(2), scored(4, 2), NUMBERS, 2, columns("91"))
    places = [likely.texts.index(text) for text in ((4, 2), (9, 1))]
    ways = [likely.ways[place] for place in places]
    assert ways[0] is not None
    assert ways[1] is not None
    assert ways[0].score > ways[1].score
    assert ways[1].chosen == ways[0].chosen == (0, 3)
    assert likely.by_line[places[1]] > likely.by_line[places[0]]


@pytest.mark.parametrize("pieces", [60, 600])
def test_what_imaging_charges_covers_the_readings_of_grain(pieces: int) -> None:
    """Where a reader sees something in every column, and every piece may be a digit: this took twice as long."""
    random = np.random.default_rng(0)
    candidates = [
        Candidate(first, end, Box(5 * first, 0, 5 * end, 20), FRAME)
        for first in range(pieces)
        for end in range(first + 1, min(first + MOST_PIECES, pieces) + 1)
    ]
    grain = Number([-1.0] * pieces, 20, candidates, 0, Strip(FRAME, 0, 1.0))
    scores = np.hstack([random.dirichlet(np.ones(10), len(candidates)), random.normal(-8, 3, (len(candidates), 1))])
    seen = random.dirichlet(np.full(1 + len(ALPHABET), 0.3), 512).astype(np.float32)
    taken = []
    for _ in range(3):
        started = time.process_time()
        with_line(grain, scores.astype(np.float32), NUMBERS, 5, seen, READER)
        taken.append(time.process_time() - started)
    assert min(taken) < 1.5 * (CANDIDATE * len(candidates) + READ_COLUMN * READER.column * len(seen))
