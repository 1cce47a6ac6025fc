"""The bundles that are committed to the project."""

from pathlib import Path

import pytest

from app.inference import bundle
from app.inference.session import Session
from tests.conftest import MODELS
from training import data, evaluate

LEAST_ACCURACY = {"digits": 0.994, "mlp-128-64": 0.975}
FOLDERS = [MODELS / name / version for name in LEAST_ACCURACY for version in bundle.versions(MODELS / name)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_bundle_is_what_its_manifest_says(folder: Path) -> None:
    manifest, model = bundle.read(folder)
    assert manifest.metrics.accuracy >= LEAST_ACCURACY[manifest.name]
    assert manifest.parity.max_abs_difference <= 1e-4
    assert manifest.parity.same_digit == manifest.parity.images == manifest.metrics.images == 10_000
    assert manifest.training.data_sha256 == data.SHA256
    assert len(model) < 1_000_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_the_accuracy_is_the_manifests(folder: Path, mnist_test: data.Digits) -> None:
    manifest, model = bundle.read(folder)
    images, labels = mnist_test
    metrics = evaluate.measure(evaluate.predict(Session(model), images)[:, :10], labels)
    assert metrics.accuracy == manifest.metrics.accuracy
    assert metrics.confusion_matrix == manifest.metrics.confusion_matrix
