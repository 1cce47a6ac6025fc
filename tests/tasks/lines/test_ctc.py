"""What columns say, against all the ways of spreading texts over them, gone through one by one."""

from itertools import groupby, product

import numpy as np
import pytest

from app.tasks.lines import ctc

COLUMNS, CLASSES = 6, 3


@pytest.fixture(params=range(5))
def columns(request: pytest.FixtureRequest) -> ctc.Columns:
    return np.random.default_rng(request.param).dirichlet(np.ones(CLASSES), COLUMNS).astype(np.float32)


def by_all_ways(columns: ctc.Columns) -> dict[ctc.Text, float]:
    """How likely each text is."""
    texts: dict[ctc.Text, float] = {}
    for way in product(range(CLASSES), repeat=COLUMNS):
        text = tuple(one for one, _ in groupby(way) if one)
        likely = float(np.prod([columns[place, one] for place, one in enumerate(way)]))
        texts[text] = texts.get(text, 0.0) + likely
    return texts


def sure(*classes: int, of: int = CLASSES) -> ctc.Columns:
    """Columns that are nearly sure of one class each."""
    columns = np.full((len(classes), of), 1e-3, np.float32)
    columns[range(len(classes)), classes] = 1
    return columns / columns.sum(axis=1, keepdims=True)


def test_how_likely_texts_are(columns: ctc.Columns) -> None:
    expected = by_all_ways(columns)
    texts = [*expected]
    np.testing.assert_allclose(ctc.log_likelihoods(columns, texts), np.log([expected[text] for text in texts]), 1e-4)


def test_the_most_likely_texts(columns: ctc.Columns) -> None:
    expected = by_all_ways(columns)
    ordered = sorted(expected, key=lambda text: -expected[text])
    found = ctc.likely_texts(columns, 20)
    assert found[:3] == ordered[:3]
    assert len(set(found)) == len(found)


def test_the_same_twice_needs_a_column_between() -> None:
    assert ctc.likely_texts(sure(1, 0, 1), 1) == [(1, 1)]
    assert ctc.likely_texts(sure(1, 1, 0), 1) == [(1,)]
    assert ctc.log_likelihoods(sure(1, 1), [(1, 1)])[0] < -50  # there is no such way


def test_a_column_that_is_certain_to_hold_nothing_parts_the_same_twice() -> None:
    """It did not: 5000 was read as 500."""
    columns = np.eye(CLASSES, dtype=np.float32)[[1, 0, 0, 1]]
    assert ctc.likely_texts(columns, 1) == [(1, 1)]
    assert ctc.likely_texts(ctc.condensed(columns)[0], 1) == [(1, 1)]


def test_nothing_is_a_text_too() -> None:
    assert ctc.likely_texts(sure(0, 0, 0), 2)[0] == ()
    assert ctc.likely_texts(np.array([[1, 0, 0]] * 4, np.float32), 2) == [()]
    assert ctc.log_likelihoods(sure(0, 0), [()])[0] == pytest.approx(0, abs=0.01)


def test_where_characters_stand() -> None:
    columns = sure(0, 2, 2, 0, 1, 0, 0, 1)
    assert ctc.spans(columns, (2, 1, 1)) == [(1, 3), (4, 5), (7, 8)]
    first, second = ctc.spans(columns, (2, 1))
    assert first == (1, 3)
    assert second in {(4, 5), (7, 8)}


def test_columns_that_are_certain_to_hold_nothing_are_condensed(columns: ctc.Columns) -> None:
    bare = np.eye(1, CLASSES, dtype=np.float32)
    spread = np.concatenate([bare, bare, columns[:3], bare, bare, bare, columns[3:], bare])
    few, places = ctc.condensed(spread)
    assert places.tolist() == [0, 2, 3, 4, 5, 8, 9, 10, 11]
    texts = ctc.likely_texts(spread, 5)
    np.testing.assert_allclose(ctc.log_likelihoods(few, texts), ctc.log_likelihoods(spread, texts), atol=1e-5)


@pytest.mark.parametrize("text", [(1, 1, 1), (1, 2, 1, 2, 1, 2)])
def test_a_text_for_which_there_are_too_few_columns_stands_somewhere(text: ctc.Text) -> None:
    columns = sure(0, 1, 0)
    assert ctc.log_likelihoods(columns, [text])[0] < -10
    spans = ctc.spans(columns, text)
    assert len(spans) == len(text)
    assert all(0 <= start < end <= 3 for start, end in spans)
