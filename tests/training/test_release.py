"""End to end on real handwriting: train, export, write, read, run."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from app.inference import bundle
from app.inference.session import Session
from training import calibrate, evaluate, pipeline
from training.data import Mnist
from training.errors import ParityError, RunError
from training.export import to_onnx
from training.release import release
from training.run import Run, load
from training.train import logits

# Keras 3.15 saves TensorFlow's variables through np.array, whose NumPy 2 protocol TensorFlow 2.21 only half follows.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def run(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pipeline.train("mlp-128-64", small_mnist, epochs=1, seed=0, runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def written(run: Run, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(run, small_mnist, tmp_path_factory.mktemp("models") / "small")


def test_the_bundle_answers_as_keras_does(run: Run, small_mnist: Mnist, written: Path) -> None:
    manifest, model = bundle.read(written)
    answers = Session(model).run(small_mnist.test.images)
    scores = logits(keras.models.load_model(run.model), small_mnist.test.images)
    expected = calibrate.softmax(scores, manifest.temperature)
    assert np.abs(answers - expected).max() <= 1e-4
    assert manifest.metrics == evaluate.measure(answers, small_mnist.test.labels)
    assert manifest.metrics.accuracy > 0.8


def test_the_manifest_tells_where_the_model_comes_from(run: Run, small_mnist: Mnist, written: Path) -> None:
    manifest = bundle.read(written).manifest
    assert (manifest.name, manifest.version, manifest.architecture) == ("small", "1", "mlp-128-64")
    assert manifest.training == load(run.folder).record.training
    assert manifest.training.split["test"] == manifest.parity.same_digit == len(small_mnist.test.labels)
    assert manifest.thresholds.review <= manifest.thresholds.accept
    assert manifest.latency.batch_1_us > 0


def test_a_second_release_is_the_next_version(run: Run, small_mnist: Mnist, written: Path) -> None:
    assert release(run, small_mnist, written.parent) == written.parent / "2"


def test_the_run_keeps_its_answers_and_its_plots(run: Run, small_mnist: Mnist, written: Path) -> None:
    part, answers = load(run.folder).answers()
    manifest = bundle.read(written).manifest
    assert part == "test"
    assert (answers.argmax(axis=1) == small_mnist.test.labels).mean() == manifest.metrics.accuracy
    assert f"{manifest.metrics.accuracy:.2%}" in pipeline.summarise(run, small_mnist)
    for plot in ("curves.png", "confusion.png", "samples.png"):
        assert (run.folder / plot).read_bytes().startswith(b"\x89PNG")


def test_a_model_that_answers_otherwise_is_not_written(
    run: Run, small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.export.to_onnx", lambda network, temperature: to_onnx(network, temperature * 1.1))
    with pytest.raises(ParityError, match="no bundle was written"):
        release(run, small_mnist, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arch", ["cnn", "mlp-128-64"])
def test_the_graph_is_lean(arch: str) -> None:
    from training.architectures import architecture

    proto = onnx.load_from_string(to_onnx(architecture(arch).build(), 1.5))
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("Cast") == 1
    assert not {"Transpose", "BatchNormalization", "Shape", "Gather", "Concat"} & set(operators)
    assert [entry.domain for entry in proto.opset_import] == [""]


def test_the_same_seed_gives_the_same_weights(small_mnist: Mnist, run: Run, tmp_path: Path) -> None:
    again = pipeline.train("mlp-128-64", small_mnist, epochs=1, seed=0, runs=tmp_path)
    weights = keras.models.load_model(run.model).get_weights()
    for one, other in zip(weights, keras.models.load_model(again.model).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        load(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"architecture": "cnn"}))
    with pytest.raises(RunError, match="not a run folder"):
        load(tmp_path)
