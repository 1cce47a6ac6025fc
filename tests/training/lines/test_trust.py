"""How far a line reader is trusted."""

import numpy as np
import pytest

from app.tasks.digits.beam import Hypothesis
from app.tasks.digits.readings import Likely
from training.lines import trust
from training.lines.trust import Case


def case(by_cut: tuple[float, float], by_line: tuple[float, float], truth: int | None) -> Case:
    """Of two texts."""
    texts = [(1,), (2,)]
    ways = [Hypothesis(score, text, (0,)) for score, text in zip(by_cut, texts, strict=True)]
    return Case(Likely(texts, [*ways], [*by_line]), truth)


def cases(random: np.random.Generator, *, cut_right: float, line_right: float) -> list[Case]:
    """Each of the two is right as often."""
    made = []
    for _ in range(300):
        truth = int(random.integers(2))
        scores = []
        for right in (cut_right, line_right):
            likes = truth if random.random() < right else 1 - truth
            scores.append((0.0, -4.0) if likes == 0 else (-4.0, 0.0))
        made.append(case(scores[0], scores[1], truth))
    return made


def test_the_one_that_is_right_more_often_is_trusted_more() -> None:
    random = np.random.default_rng(0)
    by_line = trust.fit(cases(random, cut_right=0.7, line_right=0.95))
    by_cut = trust.fit(cases(random, cut_right=0.95, line_right=0.7))
    assert by_line.line > 1.5 * by_line.cut
    assert by_cut.cut > 1.5 * by_cut.line


def test_what_is_often_none_of_them_makes_all_less_sure() -> None:
    random = np.random.default_rng(1)
    known = cases(random, cut_right=0.9, line_right=0.95)
    odd = [one._replace(truth=None) for one in known[:60]]
    assert trust.fit([*known, *odd]).other > trust.fit(known).other + 0.5


def test_from_which_confidence_on_numbers_are_accepted() -> None:
    sure, doubtful = case((0, -20), (0, -20), 0), case((0, -1), (0, -1), 1)
    fitted = trust.fit([sure] * 300 + [doubtful, doubtful._replace(truth=0)] * 20)
    accept, review = trust.thresholds([sure] * 300 + [doubtful] * 20, fitted)
    confidences = [trust.confidences(one.likely.scores(fitted), fitted).max() for one in (sure, doubtful)]
    assert confidences[1] < accept <= confidences[0] + 1e-9
    assert review <= accept
    assert accept == pytest.approx(confidences[0])
