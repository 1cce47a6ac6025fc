"""How far a line reader is trusted beside cutting, fitted to pages by hands that nothing was trained on."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from app.tasks.digits.beam import NumberWeights
from app.tasks.digits.readings import Likely, confidences, likely_texts
from app.tasks.lines.trust import Trust
from training import calibrate
from training.lines.reading import BEST, Seen

START = np.log([0.3, 1.0, 4.0])  # of the logarithms of the search: cut, line, minus other
UNCUT = -30.0  # about what the worst ways of cutting are below the best
BOUNDS = -6, 4  # of these logarithms
PRECISION = 0.995  # of the numbers that are accepted
DIGITS = 3  # that are kept of each


class Case(NamedTuple):
    """A number whose truth is known."""

    likely: Likely
    truth: int | None
    """Its place among the likely texts; None where it is not among them."""


def cases(seen: Sequence[Seen], weights: NumberWeights) -> Iterator[Case]:
    """Those of pages on which one number was found, as there is."""
    for page in seen:
        if len(page.numbers) == 1 and page.columns[0] is not None:
            likely = likely_texts(page.numbers[0], page.scores, weights, BEST, page.columns[0])
            truth = tuple(map(int, page.digits))
            yield Case(likely, likely.texts.index(truth) if truth in likely.texts else None)


def fit(known: Sequence[Case]) -> Trust:
    """By which what is written is the most likely, as in a logistic regression on the scores of each number's texts."""

    def surprise(logarithms: np.ndarray) -> float:
        trust = _trust(logarithms)
        return float(np.mean([_surprise(case, trust) for case in known]))

    found = minimize(surprise, START, method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-5, "maxiter": 300})
    return Trust(**{name: float(f"{value:.{DIGITS}g}") for name, value in vars(_trust(found.x)).items()})


def thresholds(known: Sequence[Case], trust: Trust) -> tuple[float, float]:
    """Confidences from which a number is accepted, and from which it is for a person to look at."""
    sure, right = [], []
    for case in known:
        scores = case.likely.scores(trust)
        best = int(scores.argmax())
        sure.append(float(confidences(scores, trust)[best]))
        right.append(case.truth == best)
    return calibrate.sure_enough(np.array(sure), np.array(right), PRECISION)


def _trust(logarithms: np.ndarray) -> Trust:
    cut, line, other = np.exp(logarithms.clip(*BOUNDS)).tolist()
    return Trust(cut=cut, uncut=UNCUT, line=line, other=-other)


def _surprise(case: Case, trust: Trust) -> float:
    sure = confidences(case.likely.scores(trust), trust)
    truth = 1 - sure.sum() if case.truth is None else sure[case.truth]
    return -float(np.log(max(truth, 1e-12)))
