from pathlib import Path

import pytest

from app.tasks.digits.classifier import ENERGY, opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS
from training import pareto, pipeline
from training.architectures import architecture
from training.data import Mnist
from training.pareto import Candidate

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_what_beats_what() -> None:
    one = Candidate("one", 1, 0.99, 10.0)
    assert one.beats(one._replace(accuracy=0.98))
    assert one.beats(one._replace(microseconds=11.0))
    assert not one.beats(one)
    assert not one.beats(one._replace(accuracy=0.98, microseconds=9.0))


def test_runs_are_measured_side_by_side(small_mnist: Mnist, tmp_path: Path) -> None:
    chosen = architecture("mlp-128-64")
    runs = [
        pipeline.train(
            chosen, chosen.recipe.changed({"epochs": 1, "width": width}), small_mnist, seed=0, folder=tmp_path
        )
        for width in (8, 1)
    ]
    candidates = pareto.measure(runs, small_mnist)
    assert [one.name for one in candidates] == ["mlp-128-64", "mlp-128-64, x8"]  # the quicker one first
    assert candidates[0].parameters < candidates[1].parameters
    assert all(one.accuracy > 0.7 for one in candidates)
    assert "mlp-128-64, x8" in pareto.table(candidates)
    both = pareto.measure([read_bundle(DIGITS.resolve()), runs[1]], small_mnist)
    assert {one.name for one in both} == {f"digits/{DIGITS.name}", "mlp-128-64"}
    pipeline.summarise(runs[0], small_mnist, candidates)
    section = (runs[0].folder / "report.html").read_text("utf-8").partition("Beside other networks")[2]
    assert section.count("mlp-128-64, x8") == 2  # in the plot and in the table
    pipeline.summarise(runs[1], small_mnist)
    assert "Beside other networks" not in (runs[1].folder / "report.html").read_text("utf-8")


def test_a_bundle_is_measured_as_it_was_released(small_mnist: Mnist) -> None:
    manifest, model = bundle = read_bundle(DIGITS.resolve())
    (found,) = pareto.measure([bundle], small_mnist)
    images, labels = small_mnist.validation
    right = opened(model).scores(images)[:, :ENERGY].argmax(axis=1) == labels
    assert (found.name, found.parameters, found.accuracy) == (manifest.label, manifest.parameters, right.mean())
    assert found.microseconds > 0
