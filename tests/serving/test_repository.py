"""Which models become live, and which never do."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import structlog
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from app.config import Settings
from app.errors import BundleError, ModelNotFound, StartError
from app.inference import bundle
from app.inference.bundle import Bundle
from app.serving.repository import Repository
from app.tasks.digits.manifest import read_bundle
from app.tasks.registry import TASKS
from app.telemetry.metrics import Metrics
from tests.conftest import DIGITS, MLP
from tests.tasks.digits.test_classifier import graph, reordered

Digits = NDArray[np.uint8]


def copy(models: Path, name: str = "digits", version: str = "1") -> Path:
    """The bundled version 1 of `digits` under another name or version."""
    original = read_bundle(DIGITS)
    manifest = original.manifest.model_copy(update={"name": name, "version": version})
    return bundle.write(models / name, Bundle(manifest, original.model))


def opened(models: Path, **settings: Any) -> Repository:
    repository = Repository(Settings(models=models, **settings), Metrics(CollectorRegistry()), TASKS)
    repository.load()
    repository.close()
    return repository


def live(repository: Repository) -> list[str]:
    return [f"{model.manifest.name}/{model.manifest.version}" for model in repository.all()]


def test_the_newest_versions_of_every_model(tmp_path: Path) -> None:
    for version in ("1", "2", "10"):
        copy(tmp_path, version=version)
    copy(tmp_path, "other")
    repository = opened(tmp_path, live_versions=2)
    assert live(repository) == ["digits/10", "digits/2", "other/1"]
    assert repository.get().manifest.version == "10"
    assert repository.get(version="2").manifest.version == "2"
    assert repository.get("other").manifest.name == "other"


def test_a_broken_version_leaves_the_one_before_it_live(tmp_path: Path) -> None:
    copy(tmp_path)
    broken = copy(tmp_path, version="2")
    (broken / bundle.MODEL_FILE).write_bytes(b"damaged")
    assert live(opened(tmp_path)) == ["digits/1"]


def test_a_model_that_cannot_read_the_golden_digits_is_refused(tmp_path: Path) -> None:
    original = read_bundle(DIGITS).manifest
    model = graph()  # valid ONNX under the contract, but it reads nothing
    manifest = original.model_copy(update={"model_sha256": bundle.digest(model)})
    bundle.write(tmp_path / "digits", Bundle(manifest, model))
    with pytest.raises(StartError, match="no version of the default model 'digits' could be made live"):
        opened(tmp_path)


def test_a_model_that_breaks_on_the_golden_digits_is_left_out(tmp_path: Path) -> None:
    """It runs two images, as the contract is tried with, and no ten: ONNX Runtime's own error, not a BundleError."""
    copy(tmp_path)
    proto = onnx.load_from_string(graph())
    shape = next(one for one in proto.graph.initializer if one.name == "shape")
    shape.CopyFrom(onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [2, 784]))
    model = proto.SerializeToString()
    manifest = read_bundle(DIGITS).manifest.model_copy(update={"version": "2", "model_sha256": bundle.digest(model)})
    bundle.write(tmp_path / "digits", Bundle(manifest, model))
    with structlog.testing.capture_logs() as logged:
        assert live(opened(tmp_path)) == ["digits/1"]
    (refused,) = [line for line in logged if line["event"] == "version refused"]
    assert refused["version"] == "2"
    assert "Fail" in refused["reason"] or "Exception" in refused["reason"]


def test_labels_say_which_digits_the_columns_are(tmp_path: Path, digits: Digits) -> None:
    """By the golden digits too, which permuted columns would else fail."""
    labels = list("3140592687")
    original = read_bundle(MLP)
    model = reordered(original.model, labels)
    manifest = original.manifest.model_copy(
        update={"name": "digits", "labels": labels, "model_sha256": bundle.digest(model)}
    )
    bundle.write(tmp_path / "digits", Bundle(manifest, model))
    repository = opened(tmp_path)
    (scores,) = repository.get().runner.run((digits,))
    assert (scores[:, :10].argmax(axis=1) == np.arange(10)).sum() >= 8


@pytest.mark.parametrize("labels", [list("0123456788"), list("abcdefghij"), list("012345678")])
def test_labels_that_are_not_the_ten_digits_are_refused(tmp_path: Path, labels: list[str]) -> None:
    copy(tmp_path)
    original = read_bundle(DIGITS)
    manifest = original.manifest.model_copy(update={"version": "2", "labels": labels})
    bundle.write(tmp_path / "digits", Bundle(manifest, original.model))
    assert live(opened(tmp_path)) == ["digits/1"]


def test_a_misspelt_default_model_is_no_start(tmp_path: Path) -> None:
    copy(tmp_path)
    copy(tmp_path, "other")
    with pytest.raises(
        StartError, match=r"is called 'digitz', but in .* there are digits, other; set DIGITSERVE_DEFAULT"
    ):
        opened(tmp_path, default_model="digitz")


def test_a_folder_without_bundles_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="there is no bundle at all"):
        opened(tmp_path)


def test_what_is_not_live(tmp_path: Path) -> None:
    copy(tmp_path)
    repository = opened(tmp_path)
    with pytest.raises(ModelNotFound, match="no live model is called 'letters'; live are digits"):
        repository.get("letters")
    with pytest.raises(ModelNotFound, match="no live version '7'; live are 1"):
        repository.get(version="7")


def test_a_threshold_for_an_energy_that_the_model_does_not_give_is_refused(tmp_path: Path) -> None:
    original = read_bundle(MLP)
    thresholds = original.manifest.thresholds.model_copy(update={"energy": 2.0})
    manifest = original.manifest.model_copy(update={"thresholds": thresholds})
    bundle.write(tmp_path / MLP.parent.name, Bundle(manifest, original.model))
    copy(tmp_path)
    assert live(opened(tmp_path)) == ["digits/1"]


def test_a_bundle_without_measurements_serves_too(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    original = read_bundle(folder)
    shutil.rmtree(folder)
    bare = original.manifest.model_copy(update={"metrics": None, "training": None, "parity": None, "latency": None})
    bundle.write(tmp_path / "digits", Bundle(bare, original.model))
    assert live(opened(tmp_path)) == ["digits/1"]


def test_reading_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        read_bundle(tmp_path)
