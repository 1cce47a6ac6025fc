"""The bundles that are committed to the project."""

from pathlib import Path

import numpy as np
import pytest

from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import ROOT
from training import calibrate, data, evaluate, finetune
from training.train import logits

# Here without what `make train` has added since; with the least accuracy and the most bytes.
COMMITTED = {
    "digits/3": (0.994, 1e6),
    "digits/2": (0.996, 1e6),
    "digits/1": (0.994, 1e6),
    "cnn-large/1": (0.997, 5e6),
    "mlp-128-64/1": (0.975, 1e6),
}
FOLDERS = [ROOT / "models" / name for name in COMMITTED]
committed = pytest.mark.parametrize("folder", FOLDERS, ids=COMMITTED)


@committed
def test_a_bundle_is_what_its_manifest_says(folder: Path) -> None:
    manifest = read_bundle(folder).manifest
    least_accuracy, most_bytes = COMMITTED[f"{manifest.name}/{manifest.version}"]
    assert manifest.metrics.accuracy >= least_accuracy
    assert sum(file.stat().st_size for file in folder.iterdir()) <= most_bytes
    assert manifest.parity.images == manifest.metrics.images == 10_000
    assert manifest.int8 or manifest.parity.max_abs_difference <= 1e-4
    assert manifest.parity.same_digit >= (0.999 if manifest.int8 else 1) * 10_000
    assert manifest.training.data_sha256.items() >= data.SHA256.items()


@committed
def test_its_network_is_the_models(folder: Path, digits: Frames) -> None:
    manifest, model = read_bundle(folder)
    scores = calibrate.scores(logits(finetune.read_base(folder).network, digits), manifest.temperature)
    np.testing.assert_allclose(
        scores[:, :10], opened(model).scores(digits)[:, :10], atol=0.05 if manifest.int8 else 0.005
    )


@committed
def test_the_accuracy_is_the_manifests(folder: Path, mnist_test: data.Digits) -> None:
    manifest, model = read_bundle(folder)
    images, labels = mnist_test
    metrics = evaluate.measure(evaluate.predict(opened(model), images)[:, :10], labels)
    assert metrics.accuracy == manifest.metrics.accuracy
    assert metrics.confusion_matrix == manifest.metrics.confusion_matrix
