import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import Scores
from training import evaluate
from training.calibrate import softmax
from training.data import Digits

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 10, 3_000)
PROBABILITIES = softmax(RANDOM.normal(size=(3_000, 10)) + 3 * np.eye(10)[LABELS]).astype(np.float32)
READ = PROBABILITIES.argmax(axis=1)


def test_the_confusion_matrix_is_scikit_learns() -> None:
    assert np.array_equal(evaluate.confusion_matrix(READ, LABELS), confusion_matrix(LABELS, READ))


def test_the_figures_of_each_class_are_scikit_learns() -> None:
    metrics = evaluate.measure(PROBABILITIES, LABELS)
    rows = [(m.precision, m.recall, m.f1, m.support) for m in metrics.per_class.values()]
    np.testing.assert_allclose(np.transpose(rows), precision_recall_fscore_support(LABELS, READ))
    assert metrics.accuracy == pytest.approx(accuracy_score(LABELS, READ))
    assert metrics.images == 3_000


def test_a_digit_that_is_never_read_nor_there_has_zeros() -> None:
    figures = evaluate.per_class(evaluate.confusion_matrix(np.array([1, 1]), np.array([1, 2])))
    assert (figures["2"].precision, figures["2"].recall, figures["2"].f1) == (0, 0, 0)
    assert (figures["9"].precision, figures["9"].support) == (0, 0)


def test_the_calibration_error_is_the_weighted_gap_of_scikit_learns_curve() -> None:
    confidence = PROBABILITIES.max(axis=1)
    accuracy, mean = calibration_curve(READ == LABELS, confidence, n_bins=15)
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = (counts[counts > 0] * np.abs(accuracy - mean)).sum() / len(LABELS)
    assert evaluate.expected_calibration_error(PROBABILITIES, LABELS) == pytest.approx(expected)


def test_certainty_that_is_always_right_has_no_calibration_error() -> None:
    assert evaluate.expected_calibration_error(np.eye(10, dtype=np.float32), np.arange(10)) == 0


def test_each_source_is_read_by_itself_whatever_the_energy() -> None:
    def answer(frames: Frames) -> Scores:
        """What the first pixel says, with an energy that is above all else, or is none."""
        read = np.eye(10, dtype=np.float32)[frames[:, 0, 0]]
        return np.column_stack([read, np.where(frames[:, 0, 1] > 0, 99, np.nan)]).astype(np.float32)

    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 0, :2] = [[7, 0], [1, 1], [2, 0], [3, 1]]
    sources = {"right": Digits(images, np.array([7, 1, 2, 3])), "half": Digits(images, np.array([7, 1, 3, 2]))}
    assert evaluate.right_by_source(answer, sources) == {"right": 1, "half": 0.5}
