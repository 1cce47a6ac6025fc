"""From composed lines to a bundle that the service takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.inference import bundle
from app.inference.session import Session
from app.tasks.digits.manifest import read_bundle
from app.tasks.lines.manifest import LinesManifest
from app.tasks.lines.task import LinesTask
from tests.conftest import DIGITS, ROOT
from tests.training.lines.test_examples import GENERATED
from training.data import Mnist
from training.errors import TrainingError
from training.lines import batches, compose, release, training
from training.lines.network import ALPHABET, RECIPE
from training.run import Run, load, under

# Keras' own, where it saves what TensorFlow holds.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def run(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of one epoch, by hands that are everybody's to have."""
    with of_everybody():
        recipe = RECIPE.changed({"epochs": 1, "batch_size": 16})
        return training.train(recipe, small_mnist, lines=120, seed=0, folder=tmp_path_factory.mktemp("runs"))


@contextmanager
def of_everybody() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("training_hands", "held_out_hands"):
            patched.setattr(training, name, lambda _: GENERATED)
        patched.setattr(training, "TO_CHOOSE_BY", 40)
        patched.setattr(training, "STEPS", 3)
        patched.setattr(batches, "WIDTHS", (640,))  # one shape to compile: each takes seconds
        yield


def test_a_run_says_how_it_was_trained(run: Run) -> None:
    record = load(run.folder).record
    assert (record.architecture, record.training.epochs) == ("lines", 1)
    assert 100 < record.recipe["lines"] <= 120  # less those that are longer than a strip may be
    assert 0 <= record.training.model_extra["validation"]["digits"] <= 1
    assert "have all digits right" in training.summarise(run)


def test_a_training_that_diverges_leaves_no_run_and_is_said_in_a_sentence(small_mnist: Mnist, tmp_path: Path) -> None:
    recipe = RECIPE.changed({"epochs": 2, "batch_size": 8, "warm_up": 0, "learning_rate": 1e30})
    with of_everybody(), pytest.raises(TrainingError, match="diverged; give a lower --learning-rate"):
        training.train(recipe, small_mnist, lines=40, seed=0, folder=tmp_path)
    assert list(under(tmp_path)) == []


def test_a_training_by_the_clock_ends_in_time(small_mnist: Mnist, tmp_path: Path) -> None:
    with of_everybody():
        recipe = RECIPE.changed({"batch_size": 8, "learning_rate": 1e-3})
        run = training.train(recipe, small_mnist, lines=1_000, seed=0, folder=tmp_path, minutes=0.5)
    told = run.record.recipe
    assert told["minutes"] == 0.5
    assert told["epochs"] == run.record.training.epochs > 3
    assert 100 < told["lines"] <= 1_000
    assert run.record.seconds < 60


def test_a_released_reader_is_one_that_the_service_takes(
    run: Run, small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "held_out_hands", lambda _: GENERATED)
    for name in ("FITTED_TO", "READ"):
        monkeypatch.setattr(release, name, 40)
    folder = release.release(run, read_bundle(DIGITS.resolve()), small_mnist, tmp_path / "numbers")
    manifest, model = bundle.read(folder, LinesManifest)
    assert (manifest.label, manifest.alphabet, manifest.metrics.numbers) == ("numbers/1", ALPHABET, 40)
    assert manifest.metrics.right.keys() == {*compose.KINDS, "cheque", "all"}
    assert 0 <= manifest.review <= manifest.accept <= 1
    LinesTask().open(manifest, Session(model))

    again = training.load_start(folder)
    assert again.told["bundle"] == "numbers/1"
    strips = np.random.default_rng(0).integers(0, 256, (2, 32, 64)).astype(np.float32)
    np.testing.assert_allclose(again.network(strips), run.network()(strips), atol=0.05)  # 16 bits are kept
    assert training.load_start(run.folder).told["recipe"] == run.record.recipe


def test_the_committed_reader_is_what_its_manifest_says() -> None:
    manifest, model = bundle.read(ROOT / "models/numbers/3", LinesManifest)
    assert manifest.metrics.right["all"] > manifest.metrics.right_by_cutting["all"] + 0.2
    assert len(model) < 3e6
    LinesTask().open(manifest, Session(model))
