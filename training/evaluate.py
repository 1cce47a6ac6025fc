"""Evaluation of a classifier."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import ENERGY, Classifier, Probabilities, Scores
from app.tasks.digits.manifest import Accepted, ClassMetrics, Corrupted, Evaluation, OtherHands, Thresholds
from training import corruptions, non_digits
from training.data import Digits, Labels
from training.hands.sources import UNIPEN

LABELS = [str(digit) for digit in range(10)]
CALIBRATION_BINS = 15
BATCH = 500
NON_DIGITS = 1_000
"""Of each kind."""

Energies = NDArray[np.float32]  # [N]
Answers = NDArray[np.floating[Any]]  # [N, 10] or [N, 11]: of each digit, and perhaps the energy


def predict(session: Classifier, frames: Frames) -> Scores:
    """uint8 [N, 28, 28] -> float32 [N, 11], in pieces that keep memory small."""
    pieces = (frames[start : start + BATCH] for start in range(0, len(frames), BATCH))
    return np.concatenate([session.scores(piece) for piece in pieces])


def examine(
    session: Classifier, thresholds: Thresholds, digits: Digits, source: non_digits.Source
) -> tuple[Evaluation, Scores]:
    """All that a manifest says of a model, measured on the N `digits` and on non-digits of a source; and its answers to
    the digits, float32 [N, 11].
    """
    metrics, answers = read(session, thresholds, digits)
    figures: dict[str, Any] = {
        "corruptions": {
            name: corrupted(predict(session, frames), digits.labels)
            for name, frames in corruptions.corrupt(digits.images).items()
        },
    }
    if not np.isnan(answers[:, ENERGY]).any():
        others = non_digits.draw_each(NON_DIGITS, digits, source)
        energies = {kind: predict(session, frames)[:, ENERGY] for kind, frames in others.items()}
        figures["non_digit_auroc"] = non_digit_auroc(answers[:, ENERGY], energies)
    return metrics.model_copy(update=figures), answers


def read(session: Classifier, thresholds: Thresholds, digits: Digits) -> tuple[Evaluation, Scores]:
    """As `examine`, of the digits as they are alone: a second instead of a minute."""
    answers = predict(session, digits.images)
    metrics = measure(answers[:, :ENERGY], digits.labels)
    return metrics.model_copy(update={"accepted": accepted(answers, digits.labels, thresholds)}), answers


def other_hands(session: Classifier, thresholds: Thresholds, contributors: Mapping[str, Digits]) -> OtherHands:
    """UNIPEN's, by contributor."""
    answers = {name: predict(session, digits.images) for name, digits in contributors.items()}
    together = np.concatenate([*answers.values()])
    labels = np.concatenate([digits.labels for digits in contributors.values()])
    return OtherHands(
        source=UNIPEN.what,
        images=len(labels),
        accuracy=accuracy(confusion_matrix(together[:, :ENERGY].argmax(axis=1), labels)),
        by_contributor={name: part_right(answers[name], digits.labels) for name, digits in contributors.items()},
        expected_calibration_error=expected_calibration_error(together[:, :ENERGY], labels),
        accepted=accepted(together, labels, thresholds),
    )


def right_by_source(answer: Callable[[Frames], Answers], sources: Mapping[str, Digits]) -> dict[str, float]:
    """Part of each source's digits that is read right by what answers frames, uint8 [N, 28, 28]."""
    return {name: part_right(answer(digits.images), digits.labels) for name, digits in sources.items()}


def part_right(answers: Answers, labels: Labels) -> float:
    """Labels are int [N]."""
    return float((answers[:, :ENERGY].argmax(axis=1) == labels).mean())


def measure(probabilities: Probabilities, labels: Labels) -> Evaluation:
    """What can be said of probabilities float [N, 10] and labels int [N] alone."""
    matrix = confusion_matrix(probabilities.argmax(axis=1), labels)
    return Evaluation(
        images=len(labels),
        accuracy=accuracy(matrix),
        per_class=per_class(matrix),
        confusion_matrix=matrix.tolist(),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
    )


def accepted(answers: Scores, labels: Labels, thresholds: Thresholds) -> Accepted:
    """How many of the answers float [N, 11] would be accepted, and how many of those are right (1 if there is none)."""
    sure = answers[:, :ENERGY].max(axis=1) >= thresholds.accept
    if thresholds.energy is not None:
        sure &= ~(answers[:, ENERGY] > thresholds.energy)
    right = answers[:, :ENERGY].argmax(axis=1) == labels
    return Accepted(share=float(sure.mean()), precision=float(right[sure].mean()) if sure.any() else 1.0)


def corrupted(answers: Scores, labels: Labels) -> Corrupted:
    probabilities = answers[:, :ENERGY]
    return Corrupted(
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
    )


def non_digit_auroc(energy: Energies, others: Mapping[str, Energies]) -> dict[str, float]:
    """Area under the ROC curve of `energy` as a test for what is no digit: for each kind of `others`, and for "all"."""

    def area(other: Energies) -> float:
        return float(roc_auc_score(np.repeat([0, 1], [len(energy), len(other)]), np.concatenate([energy, other])))

    return {"all": area(np.concatenate([*others.values()]))} | {kind: area(other) for kind, other in others.items()}


def confusion_matrix(predicted: Labels, labels: Labels) -> Labels:
    """Counts, int [10, 10]: rows are the true digit, columns the digit read."""
    return np.bincount(labels * 10 + predicted, minlength=100).reshape(10, 10)


def accuracy(matrix: Labels) -> float:
    return float(matrix.trace() / matrix.sum())


def per_class(matrix: Labels) -> dict[str, ClassMetrics]:
    """Precision, recall, F1 and support of each digit; 0 where a ratio is 0/0, as scikit-learn has it."""
    hits, read, support = matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall, f1 = _ratio(hits, read), _ratio(hits, support), _ratio(2 * hits, read + support)
    columns = zip(LABELS, precision, recall, f1, support, strict=True)
    return {label: ClassMetrics(precision=p, recall=r, f1=f, support=s) for label, p, r, f, s in columns}


def expected_calibration_error(probabilities: Probabilities, labels: Labels, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between confidence and accuracy, over equal-width bins of confidence weighted by their images.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017, equation 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    gap = (probabilities.argmax(axis=1) == labels) - confidence
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of, weights=gap, minlength=bins)).sum() / len(labels))


def _ratio(part: Labels, whole: Labels) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
