"""On the committed bundles, which read scikit-learn's digits well and not so well."""

import pytest
from scipy.stats import binom

from app.inference.bundle import Bundle
from app.tasks.digits.classifier import ENERGY, opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS, MLP
from training import evaluate, non_digits
from training.compare import Pair, compare, held_out, mcnemar
from training.data import Mnist


@pytest.fixture(scope="module")
def pair() -> Pair:
    return read_bundle(MLP.resolve()), read_bundle(DIGITS.resolve())


@pytest.fixture(scope="module")
def table(pair: Pair, small_mnist: Mnist) -> str:
    return compare(pair, small_mnist.test, non_digits.TESTING)


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
    table = compare((pair[0], pair[0]), small_mnist.test, non_digits.TESTING)
    assert cells(table, "accuracy")[2] == "+0.00 points"
    assert "*" not in "".join(cells(table, "accuracy") + cells(table, "bytes"))
    assert "p = 1 " in table


def test_mcnemars_test_is_twice_the_tail_of_a_fair_coin() -> None:
    assert mcnemar(5, 15) == mcnemar(15, 5) == pytest.approx(2 * binom.cdf(5, 20, 0.5))
    assert mcnemar(4, 4) == mcnemar(0, 0) == 1


def test_only_images_are_taken_that_neither_was_trained_on(pair: Pair) -> None:
    def split(one: Bundle, validation: int) -> Bundle:
        training = one.manifest.training.model_copy(update={"split": {"validation": validation}})
        return one._replace(manifest=one.manifest.model_copy(update={"training": training}))

    assert held_out((split(pair[0], 700), split(pair[1], 300))) == 300
    untold = pair[1]._replace(manifest=pair[1].manifest.model_copy(update={"training": None}))
    assert held_out((split(pair[0], 9_000), untold)) == 5_000
