"""Temperature and decision thresholds, both from the validation set."""

import numpy as np
import scipy.special
from numpy.typing import NDArray

from app.tasks.digits.classifier import ENERGY, Scores
from app.tasks.digits.manifest import Thresholds
from training.data import Labels

ACCEPT_PRECISION = 0.999
DIGITS_REJECTED = 0.001
COLDEST, HOTTEST = 0.05, 20.0

Logits = NDArray[np.float32]  # [N, 10]


def softmax(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """[N, 10] -> [N, 10] of rows that sum to 1; computed in float64."""
    shares: NDArray[np.float64] = scipy.special.softmax(logits.astype(np.float64) / temperature, axis=1)
    return shares


def scores(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """What a bundle answers: [N, 10] -> [N, 11], the probabilities and the energy, -logsumexp of the logits."""
    energy = -scipy.special.logsumexp(logits.astype(np.float64), axis=1)
    return np.column_stack([softmax(logits, temperature), energy])


def temperature(logits: Logits, labels: Labels) -> float:
    """The scalar T for which softmax(logits / T) has the least cross-entropy, within 0.05 to 20.

    Cross-entropy is convex in b = 1/T, and its slope there is the mean of (expected logit - true logit), which
    bisection brings to zero. Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, section 4.2.
    """
    true_logit = logits[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        expected_logit = (softmax(logits, 1 / inverse) * logits).sum(axis=1)
        return float((expected_logit - true_logit).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) <= 0 else (low, middle)
    return 2 / (low + high)


def thresholds(answers: Scores, labels: Labels) -> Thresholds:
    """Decision thresholds from answers float [N, 11] to validation images.

    `energy` is what one digit in a thousand exceeds, None where the model gives none. Of the others, `accept` is the
    lowest confidence at and above which at least 99.9 % of the answers are right (1 where there is none). `review` is
    the highest confidence below which at least half of the answers are wrong: there the digit read is no better than
    a coin, and nobody's time is worth it.
    """
    energy = float(np.quantile(answers[:, ENERGY], 1 - DIGITS_REJECTED))
    rejected = answers[:, ENERGY] > energy
    probabilities, labels = answers[~rejected, :ENERGY], labels[~rejected]
    right = probabilities.argmax(axis=1) == labels
    accept, review = sure_enough(probabilities.max(axis=1).astype(np.float64), right, ACCEPT_PRECISION)
    return Thresholds(accept=accept, review=review, energy=None if np.isnan(energy) else energy)


def sure_enough(confidence: NDArray[np.float64], right: NDArray[np.bool_], precision: float) -> tuple[float, float]:
    """The lowest confidence at and above which answers are as precise (1 where there is none), and the highest below
    which at least half of them are wrong.
    """
    order = np.argsort(-confidence, kind="stable")
    accept = _lowest_precise(confidence[order], right[order], precision)
    return accept, min(accept, _highest_coin_toss(confidence[order], right[order]))


def _lowest_precise(confidence: NDArray[np.float64], right: NDArray[np.bool_], precision: float) -> float:
    """Both sorted by falling confidence."""
    precise = np.cumsum(right) >= precision * np.arange(1, len(right) + 1)
    # Equal confidences are accepted or refused together: only the last of a tie may be the threshold.
    last_of_tie = np.append(confidence[1:] < confidence[:-1], True)
    candidates = np.flatnonzero(precise & last_of_tie)
    return float(confidence[candidates[-1]]) if len(candidates) else 1.0


def _highest_coin_toss(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Both sorted by falling confidence."""
    wrong_from_here = np.cumsum(~right[::-1])[::-1]
    images_from_here = np.arange(len(right), 0, -1)
    tosses = np.flatnonzero(2 * wrong_from_here >= images_from_here)
    return float(confidence[max(tosses[0] - 1, 0)]) if len(tosses) else float(confidence[-1])
