import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.tasks.digits.classifier import ENERGY, Scores
from app.tasks.digits.manifest import (
    Accepted,
    Corrupted,
    DigitsManifest,
    Latency,
    OtherHands,
    Provenance,
    Thresholds,
)
from training import calibrate, curves, evaluate, learnt, plots, report
from training.constants import NUMBERS, PREPARATION, golden
from training.corruptions import CORRUPTIONS
from training.data import Digits, Mnist
from training.recipe import Recipe
from training.report import Subject
from training.run import Record

HISTORY = {
    "loss": [0.4, 0.2, 0.1],
    "val_loss": [0.3, 0.25, 0.35],
    "accuracy": [0.9, 0.97, 0.999],
    "val_accuracy": [0.93, 0.965, 0.955],
}


class Page(HTMLParser):
    """What a page holds: its tags, the addresses that it would ask for, and the cells of its tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.pictures: list[str] = []
        self.cells: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.addresses += [found[name] for name in ("src", "href", "xlink:href", "srcset", "data") if name in found]
        if tag == "img":
            self.pictures.append(found["src"])
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1][-1] += data.strip()


def answers(labels: Any, spread: float, seed: int = 0) -> Scores:
    logits = np.random.default_rng(seed).normal(size=(len(labels), 10)) * spread + 5 * np.eye(10)[labels]
    return calibrate.scores(logits).astype(np.float32)


@pytest.fixture(scope="module")
def unreleased(small_mnist: Mnist) -> Subject:
    digits = small_mnist.validation
    recipe = Recipe(epochs=3, dropout=0.25).model_dump(mode="json") | {"decay": 0.9}  # as training/scratch.py has it
    training = Provenance(
        data_sha256={}, split=small_mnist.split, seed=7, epochs=3, git_commit=None, libraries={"keras": "3"}
    )
    record = Record(architecture="cnn", recipe=recipe, training=training, seconds=9_000, history=HISTORY)
    others = {kind: np.linspace(-6, 2, 50, dtype=np.float32) for kind in ("letters", "<blank>")}
    return Subject(record, None, "validation", digits, answers(digits.labels, 2), others)


@pytest.fixture(scope="module")
def released(unreleased: Subject, small_mnist: Mnist) -> Subject:
    digits = small_mnist.test
    scores = answers(digits.labels, 2, seed=1)
    thresholds = Thresholds(accept=0.9, review=0.5, energy=float(np.median(scores[:, ENERGY])))
    corrupted = {
        name: Corrupted(accuracy=0.9 - index / 100, expected_calibration_error=index / 1_000)
        for index, name in enumerate(CORRUPTIONS)
    }
    measured = evaluate.measure(scores[:, :ENERGY], digits.labels).model_copy(
        update={
            "accepted": evaluate.accepted(scores, digits.labels, thresholds),
            "corruptions": corrupted,
            "non_digit_auroc": evaluate.non_digit_auroc(scores[:, ENERGY], unreleased.non_digits),
            "other_hands": OtherHands(
                source="Digits of elsewhere",
                images=1_234,
                accuracy=0.9,
                by_contributor={"first": 1.0, "second": 0.8},
                expected_calibration_error=0.0123,
                accepted=Accepted(share=0.777, precision=0.9991),
            ),
        }
    )
    manifest = DigitsManifest(
        name="small",
        version="3",
        created="2026-01-02T03:04:05Z",
        model_sha256="0" * 64,
        labels=evaluate.LABELS,
        thresholds=thresholds,
        preparation=PREPARATION,
        numbers=NUMBERS,
        golden=golden(),
        temperature=1.25,
        architecture="cnn",
        parameters=12_345,
        opset=17,
        metrics=measured,
        latency=Latency(batch_1_us=21.5, batch_64_us=900.5, provider="CPUExecutionProvider", machine="a machine"),
        licence="Apache-2.0",
        intended_use="For teaching & forms.",
        limits="Let a person check what matters.",
    )
    return unreleased._replace(manifest=manifest, part="test", digits=digits, answers=scores)


@pytest.fixture(scope="module")
def page(released: Subject) -> str:
    return report.render(released, pictures=True)


@pytest.fixture(scope="module")
def card(released: Subject) -> str:
    return report.render(released, pictures=False)


@pytest.fixture(scope="module")
def draft(unreleased: Subject) -> str:
    return report.render(unreleased, pictures=True)


def test_the_report_asks_for_nothing_outside_itself(page: str) -> None:
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in Page(page).addresses)
    assert "http" not in page
    assert not re.search(r"url\((?!#)|@import|<script|<link", page)


def test_every_figure_is_drawn_in_the_pages_own_colour(page: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) == 5
    for figure in figures:
        assert "currentColor" in figure
        assert not re.search("#0{6}|#010203", figure)
        assert set(re.findall(r"""(?:url\(|href=")#(\w+)""", figure)) <= set(re.findall(r' id="(\w+)"', figure))


def test_it_is_the_same_each_time(released: Subject, card: str) -> None:
    assert report.render(released, pictures=False) == card


def test_the_figures_are_the_manifests(released: Subject, page: str) -> None:
    metrics = released.metrics()
    rows = {row[0]: row[1:] for row in Page(page).cells if row}
    for name, figures in metrics.corruptions.items():
        shown = rows[f"{name}{report.STRENGTHS[name]}"]
        assert shown[1:3] == [f"{figures.accuracy:.2%}", f"{figures.expected_calibration_error:.2%}"]
    assert rows["<blank>"][0] == f"{metrics.non_digit_auroc['<blank>']:.4f}"
    assert rows["<blank>"][1] == f"{(released.non_digits['<blank>'] > released.manifest.thresholds.energy).mean():.1%}"
    assert rows["seed"] == ["7"]
    said = (
        f"{metrics.accuracy:.2%}",
        f"{metrics.accepted.share:.2%}",
        "12,345",
        "22 µs",
        "For teaching &amp; forms.",
        "2.5 hours",
        "small 3",
    )
    assert [text for text in said if text not in page] == []


def test_other_hands_are_shown_the_worst_first(page: str) -> None:
    rows = [row for row in Page(page).cells if row and row[0] in {"first", "second"}]
    assert [row[:2] for row in rows] == [["second", "80.00%"], ["first", "100.00%"]]
    said = "Digits of elsewhere", "1,234", "90.00%", "1.23%", "77.7%", "99.91%"
    assert [text for text in said if text not in page] == []


def test_the_confusion_and_each_digits_figures_are_shown(released: Subject, card: str) -> None:
    rows, metrics = Page(card).cells, released.metrics()
    confusion = [row[1:] for row in rows if len(row) == 11][1:]
    assert [[int(cell or 0) for cell in row] for row in confusion] == metrics.confusion_matrix
    first = metrics.per_class["0"]
    shown = [f"{first.precision:.2%}", f"{first.recall:.2%}", f"{first.f1:.2%}", str(first.support)]
    assert ["0", *shown] in rows


def test_the_worst_mistakes_come_first_with_their_pictures(unreleased: Subject, draft: str) -> None:
    probabilities, (images, labels) = unreleased.answers[:, :ENERGY], unreleased.digits
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    worst = max(wrong, key=lambda index: probabilities[index].max())
    pictures = Page(draft).pictures
    assert len(pictures) == min(len(wrong), learnt.MISTAKES)
    shown = Image.open(io.BytesIO(base64.b64decode(pictures[0].partition(",")[2])))
    assert np.array_equal(np.asarray(shown), images[worst])
    assert re.findall(r"<small>#(\d+)</small>", draft)[0] == str(worst)


def test_it_begins_with_where_the_network_fails(released: Subject, page: str) -> None:
    metrics = released.metrics()
    said = " ".join(page.partition("<h2>What it has learnt</h2>")[2].partition("<h3>")[0].split())
    worst = min(metrics.per_class.items(), key=lambda one: one[1].recall)
    assert f"reads {metrics.accuracy:.2%} of {metrics.images} images right" in said
    assert f"on the {worst[0]}, of which {worst[1].recall:.2%} are read right" in said
    hardest = min(metrics.corruptions.items(), key=lambda one: one[1].accuracy)
    assert f"by {hardest[0]} are the hardest ({hardest[1].accuracy:.2%} right)" in said
    assert page.index("<h3>Worst mistakes</h3>") < page.index("<h2>Digits</h2>") < page.index("<h2>Options</h2>")


def test_the_card_is_small_and_holds_no_image_of_mnist(card: str) -> None:
    assert Page(card).pictures == []
    assert "data:image" not in card
    assert "<small>#" in card
    assert len(card.encode()) < 250_000


def test_what_only_a_release_has_is_left_out(draft: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", draft)
    assert headings == [
        "What it has learnt",
        "Digits",
        "Confidence",
        "What is no digit",
        "Training",
        "Provenance",
        "Options",
    ]
    assert "300 validation images" in draft
    assert "to accept" not in draft


def test_options_at_their_defaults_are_not_named(draft: str) -> None:
    rows = {row[0]: row[1] for row in Page(draft).cells if len(row) == 3}
    assert rows == {"epochs": "3", "dropout": "0.25", "decay": "0.9"}


def test_a_model_without_mistakes_has_a_report(unreleased: Subject) -> None:
    perfect = unreleased._replace(answers=answers(unreleased.digits.labels, 0.01))
    assert "None." in report.render(perfect, pictures=True)


@pytest.mark.parametrize(
    ("kept", "signs"),
    [(0, ["Under"]), (1, ["Under"]), (2, ["Overfitting: training acc", "Overfitting: the validation loss"])],
)
def test_over_and_underfitting_are_told_by_the_curves(kept: int, signs: list[str]) -> None:
    found = curves.signs(HISTORY, kept)
    assert len(found) == len(signs)
    assert all(text.startswith(sign) for text, sign in zip(found, signs, strict=True))


def test_a_small_gap_is_neither() -> None:
    assert curves.signs({"accuracy": [0.995], "val_accuracy": [0.99], "val_loss": [0.03]}, 0) == []


def test_the_kept_epoch_is_the_best_only_where_training_goes_back_to_it(unreleased: Subject) -> None:
    record = unreleased.record
    assert curves.kept_epoch(record) == 2
    patient = record.model_copy(update={"recipe": record.recipe | {"patience": 1}})
    assert curves.kept_epoch(patient) == 1


def test_the_calibration_curve_has_the_calibration_error_as_its_gap(released: Subject) -> None:
    probabilities, labels = released.answers[:, :ENERGY], released.digits.labels
    images, hits, confidence = plots.reliability(probabilities, labels)
    assert images.sum() == len(labels)
    gap = np.abs(hits - images * confidence).sum() / len(labels)
    assert gap == pytest.approx(evaluate.expected_calibration_error(probabilities, labels), abs=1e-6)


def test_the_accepted_lie_on_the_risk_coverage_curve(released: Subject) -> None:
    thresholds, labels = released.manifest.thresholds, released.digits.labels
    coverage, risk, sureness = plots.risks(released.answers, labels, thresholds)
    taken = (sureness >= thresholds.accept).sum()
    on_curve = Accepted(share=coverage[taken - 1], precision=1 - risk[taken - 1])
    measured = evaluate.accepted(released.answers, labels, thresholds)
    assert (on_curve.share, on_curve.precision) == pytest.approx((measured.share, measured.precision))
    assert 0 < measured.share < 1
    assert risk[-1] == pytest.approx(1 - released.metrics().accuracy)


def test_the_risk_falls_with_the_coverage_where_confidence_says_something() -> None:
    digits = Digits(np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 2, 3]))
    probabilities = np.full((4, 11), 0.01, np.float32)
    probabilities[[0, 1, 2, 3], [0, 1, 3, 3]] = 0.9, 0.8, 0.5, 0.7
    coverage, risk, _ = plots.risks(probabilities, digits.labels, None)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk.tolist() == [0, 0, 0, 0.25]
