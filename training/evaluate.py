"""Metrics of a classifier, in NumPy alone."""

import numpy as np
from numpy.typing import NDArray

from app.inference.bundle import ClassMetrics, Metrics
from app.inference.session import Frames, Probabilities, Session
from training.data import Labels

LABELS = [str(digit) for digit in range(10)]
CALIBRATION_BINS = 15
BATCH = 500


def predict(session: Session, frames: Frames) -> Probabilities:
    """uint8 [N, 28, 28] -> float32 [N, 10], in pieces that keep memory small."""
    pieces = (frames[start : start + BATCH] for start in range(0, len(frames), BATCH))
    return np.concatenate([session.run(piece) for piece in pieces])


def measure(probabilities: Probabilities, labels: Labels) -> Metrics:
    """All that a manifest says of a model's answers: probabilities float [N, 10], labels int [N]."""
    matrix = confusion_matrix(probabilities.argmax(axis=1), labels)
    return Metrics(
        images=len(labels),
        accuracy=accuracy(matrix),
        per_class=per_class(matrix),
        confusion_matrix=matrix.tolist(),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
    )


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
