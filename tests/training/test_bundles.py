"""The bundles that are committed to the project."""

from pathlib import Path

import numpy as np
import pytest

from app.inference import bundle
from app.inference.session import Frames, Session
from tests.conftest import MODELS
from training import calibrate, data, evaluate, finetune
from training.train import logits

LEAST_ACCURACY = {"digits": 0.994, "mlp-128-64": 0.975}
FOLDERS = [MODELS / name / version for name in LEAST_ACCURACY for version in bundle.versions(MODELS / name)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_bundle_is_what_its_manifest_says(folder: Path) -> None:
    manifest = bundle.read(folder).manifest
    assert manifest.metrics.accuracy >= LEAST_ACCURACY[manifest.name]
    assert manifest.parity.images == manifest.metrics.images == 10_000
    assert manifest.int8 or manifest.parity.max_abs_difference <= 1e-4
    assert manifest.parity.same_digit >= (0.999 if manifest.int8 else 1) * 10_000
    assert manifest.training.data_sha256 == data.SHA256


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_its_network_is_the_models(folder: Path, digits: Frames) -> None:
    manifest, model = bundle.read(folder)
    scores = calibrate.scores(logits(finetune.read_base(folder).network, digits), manifest.temperature)
    np.testing.assert_allclose(
        scores[:, :10], Session(model).run(digits)[:, :10], atol=0.05 if manifest.int8 else 0.005
    )
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1_000_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_the_accuracy_is_the_manifests(folder: Path, mnist_test: data.Digits) -> None:
    manifest, model = bundle.read(folder)
    images, labels = mnist_test
    metrics = evaluate.measure(evaluate.predict(Session(model), images)[:, :10], labels)
    assert metrics.accuracy == manifest.metrics.accuracy
    assert metrics.confusion_matrix == manifest.metrics.confusion_matrix
