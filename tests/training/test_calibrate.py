import numpy as np
import pytest
import scipy.optimize

from training import calibrate
from training.calibrate import scores, softmax, temperature, thresholds

RANDOM = np.random.default_rng(0)
TRUE_LOGITS = RANDOM.normal(scale=3, size=(20_000, 10))
LABELS = (TRUE_LOGITS + RANDOM.gumbel(size=TRUE_LOGITS.shape)).argmax(axis=1)  # a draw from softmax(TRUE_LOGITS)


def answers(*confidences: float) -> np.ndarray:
    """Rows that read 0 with the given confidences (all above 0.1)."""
    rest = (1 - np.array(confidences)) / 9
    return np.column_stack([confidences, *[rest] * 9, np.full(len(rest), np.nan)])


def test_the_energy_is_that_of_a_class_whose_logit_is_0() -> None:
    """Of eleven classes, the last of which has the logit 0, the energy is the log odds of the last."""
    of_eleven = softmax(np.pad(TRUE_LOGITS, ((0, 0), (0, 1))))[:, 10]
    np.testing.assert_allclose(scores(TRUE_LOGITS)[:, 10], np.log(of_eleven / (1 - of_eleven)))
    assert np.isfinite(scores(np.array([[1e4, -1e4]]))).all()


def test_one_digit_in_a_thousand_is_rejected_by_its_energy_and_does_not_count_for_accept() -> None:
    rows = answers(*np.full(10_000, 0.9), 0.95)
    rows[:, 10] = np.append(np.linspace(-9, -5, 10_000), 3.0)
    chosen = thresholds(rows, np.append(np.zeros(10_000, np.int64), 1))  # the surest is wrong, but no digit
    assert (rows[:, 10] > chosen.energy).mean() == pytest.approx(0.001, rel=0.1)
    assert chosen.accept == pytest.approx(0.9)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scale(scale: float) -> None:
    assert temperature(TRUE_LOGITS * scale, LABELS) == pytest.approx(scale, rel=0.03)


def test_the_temperature_is_where_scipy_finds_the_least_cross_entropy() -> None:
    def cross_entropy(candidate: float) -> float:
        return float(-np.log(softmax(TRUE_LOGITS * 2, candidate)[np.arange(len(LABELS)), LABELS]).mean())

    found = scipy.optimize.minimize_scalar(cross_entropy, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-8})
    assert temperature(TRUE_LOGITS * 2, LABELS) == pytest.approx(found.x, rel=1e-4)


def test_a_faultless_network_gets_the_coldest_temperature() -> None:
    assert temperature(10 * np.eye(10), np.arange(10)) == pytest.approx(calibrate.COLDEST, rel=1e-3)


def test_accept_is_the_lowest_confidence_with_the_precision_asked_for() -> None:
    confidence = np.linspace(0.99, 0.5, 3_000)
    labels = np.zeros(3_000, np.int64)
    labels[[1_500, 2_200]] = 1  # the second mistake still leaves 99.9 %: from the 2,201st answer on, 2 in 2,000 or more
    chosen = thresholds(answers(*confidence), labels)
    accepted = confidence >= chosen.accept
    assert (labels[accepted] == 0).mean() >= calibrate.ACCEPT_PRECISION
    assert accepted.all()


def test_accept_stops_before_the_mistake_that_spoils_it() -> None:
    assert thresholds(answers(0.9, 0.8, 0.7, 0.6), np.array([0, 0, 1, 0])).accept == pytest.approx(0.8)


def test_equal_confidences_are_accepted_or_refused_together() -> None:
    assert thresholds(answers(0.9, 0.8, 0.8, 0.8), np.array([0, 0, 0, 1])).accept == pytest.approx(0.9)


def test_nothing_is_accepted_where_the_most_confident_answer_is_wrong() -> None:
    assert thresholds(answers(0.9, 0.8), np.array([1, 0])).accept == 1


def test_review_begins_where_answers_are_better_than_a_coin() -> None:
    labels = np.array([0, 0, 1, 0, 0, 0, 0, 1, 1])  # the last 4 are half wrong, any more are better than that
    chosen = thresholds(answers(0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55), labels)
    assert (chosen.accept, chosen.review) == (pytest.approx(0.9), pytest.approx(0.75))


def test_without_a_mistake_all_that_was_seen_is_accepted() -> None:
    chosen = thresholds(answers(0.9, 0.5), np.array([0, 0]))
    assert (chosen.accept, chosen.review) == (pytest.approx(0.5), pytest.approx(0.5))
