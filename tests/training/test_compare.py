"""On the committed bundles, which read scikit-learn's digits well and not so well."""

import numpy as np
import pytest
from scipy.stats import binom

from app.tasks.digits.classifier import ENERGY, opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS, MLP
from training import evaluate, non_digits
from training.compare import Pair, compare, mcnemar
from training.data import Digits, Mnist


@pytest.fixture(scope="module")
def pair() -> Pair:
    return read_bundle(MLP.resolve()), read_bundle(DIGITS.resolve())


@pytest.fixture(scope="module")
def hands(small_mnist: Mnist) -> dict[str, Digits]:
    """Two sources, of which the second is read worse."""
    images, labels = small_mnist.validation
    return {"first": Digits(images, labels), "second": Digits(np.roll(images, 6, axis=2), labels)}


@pytest.fixture(scope="module")
def table(pair: Pair, small_mnist: Mnist, hands: dict[str, Digits]) -> str:
    return compare(pair, small_mnist.test, non_digits.TESTING, hands)


def cells(table: str, row: str) -> list[str]:
    """Both sides' figures and the difference, as in the table."""
    line = next(line for line in table.splitlines() if line.startswith(f"{row}  "))
    return [cell.strip() for cell in line.removeprefix(row).replace("* ", "*").split("  ") if cell.strip()]


def test_the_figures_are_those_of_evaluate(pair: Pair, small_mnist: Mnist, table: str) -> None:
    sides = [
        evaluate.examine(opened(one.model), one.manifest.thresholds, small_mnist.test, non_digits.TESTING)[0]
        for one in pair
    ]
    for row, figures in {
        "accuracy": [side.accuracy for side in sides],
        "accuracy, blur": [side.corruptions["blur"].accuracy for side in sides],
        "calibration error": [side.expected_calibration_error for side in sides],
        "accepted": [side.accepted.share for side in sides],
    }.items():
        *shown, difference = cells(table, row)
        assert [cell.lstrip("*") for cell in shown] == [f"{figure:.2%}" for figure in figures]
        assert difference == f"{100 * (figures[1] - figures[0]):+.2f} points"


def test_other_hands_have_a_row_for_each_source(pair: Pair, hands: dict[str, Digits], table: str) -> None:
    shown = {}
    for source, (images, labels) in hands.items():
        first, second = (
            float((opened(one.model).scores(images)[:, :ENERGY].argmax(axis=1) == labels).mean()) for one in pair
        )
        shown[source] = cells(table, f"accuracy, {source}")
        assert [cell.lstrip("*") for cell in shown[source][:2]] == [f"{first:.2%}", f"{second:.2%}"]
        assert shown[source][2] == f"{100 * (second - first):+.2f} points"
    assert shown["first"] != shown["second"]


def test_the_better_of_the_two_is_marked(pair: Pair, table: str) -> None:
    first, second = cells(table, "accuracy")[:2]
    assert not first.startswith("*")
    assert second.startswith("*")
    sizes = [one.manifest.parameters for one in pair]
    marked = [f"{'*' * (size == min(sizes))}{size:,}" for size in sizes]
    assert cells(table, "parameters") == [*marked, f"{sizes[1] / sizes[0]:.2f} times"]
    quicker, slower, _ = cells(table, "microseconds, 64 images")
    assert quicker.startswith("*")
    assert 0 < float(quicker[1:].replace(",", "")) < float(slower.replace(",", ""))


def test_what_each_alone_reads_right_is_counted(pair: Pair, small_mnist: Mnist, table: str) -> None:
    images, labels = small_mnist.test
    first, second = (opened(one.model).scores(images)[:, :ENERGY].argmax(axis=1) == labels for one in pair)
    alone = int((first & ~second).sum()), int((second & ~first).sum())
    assert min(alone) > 0
    first, second = f"mlp-128-64/{MLP.name}", f"digits/{DIGITS.name}"
    assert f"{first} alone reads {alone[0]} of the images right, {second} alone {alone[1]};" in table
    assert f"p = {mcnemar(*alone):.2g} " in table


def test_a_bundle_is_as_good_as_itself(pair: Pair, small_mnist: Mnist) -> None:
    table = compare((pair[0], pair[0]), small_mnist.test, non_digits.TESTING, {})
    assert cells(table, "accuracy")[2] == "+0.00 points"
    assert "*" not in "".join(cells(table, "accuracy") + cells(table, "bytes"))
    assert "p = 1 " in table


def test_mcnemars_test_is_twice_the_tail_of_a_fair_coin() -> None:
    assert mcnemar(5, 15) == mcnemar(15, 5) == pytest.approx(2 * binom.cdf(5, 20, 0.5))
    assert mcnemar(4, 4) == mcnemar(0, 0) == 1
