"""End to end on real handwriting: train, export, write, read, run."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from app.inference import bundle
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from training import calibrate, evaluate, network, non_digits, pipeline, provenance
from training.architectures import ARCHITECTURES, architecture
from training.augment import Distort
from training.data import Digits, Mnist
from training.errors import BadOption, ParityError, RunError, TrainingError
from training.export import PARITY_LIMIT, finish, to_graph
from training.hands import sources
from training.pipeline import combine
from training.quantise import quantise
from training.release import release
from training.run import Run, load
from training.train import Batches, Examples, lessons, logits

# Keras 3.15 saves TensorFlow's variables through np.array, whose NumPy 2 protocol TensorFlow 2.21 only half follows.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SEQUENCES = "gru", "vit"  # architectures for which rows or patches are one


def train(mnist: Mnist, folder: Path, **changes: Any) -> Run:
    """One epoch of the smallest network."""
    chosen = architecture("mlp-128-64")
    return pipeline.train(chosen, chosen.recipe.changed({"epochs": 1, **changes}), mnist, seed=0, folder=folder)


@pytest.fixture(scope="module")
def run(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(small_mnist, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def written(run: Run, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(run, small_mnist, tmp_path_factory.mktemp("models") / "small")


def test_the_bundle_answers_as_keras_does(run: Run, small_mnist: Mnist, written: Path) -> None:
    manifest, model = read_bundle(written)
    answers = opened(model).scores(small_mnist.test.images)
    scores = logits(keras.models.load_model(run.model), small_mnist.test.images)
    np.testing.assert_allclose(answers, calibrate.scores(scores, manifest.temperature), rtol=1e-4, atol=1e-4)
    examined, _ = evaluate.examine(opened(model), manifest.thresholds, small_mnist.test, non_digits.TESTING)
    assert manifest.metrics.model_copy(update={"other_hands": None}) == examined
    assert manifest.metrics.accuracy > 0.8


def test_the_manifest_tells_where_the_model_comes_from(run: Run, small_mnist: Mnist, written: Path) -> None:
    manifest = read_bundle(written).manifest
    assert (manifest.name, manifest.version, manifest.architecture) == ("small", "1", "mlp-128-64")
    record = load(run.folder).record
    assert manifest.training == record.training.model_copy(update={"recipe": record.recipe})
    assert manifest.training.split["test"] == manifest.parity.same_digit == len(small_mnist.test.labels)
    assert manifest.thresholds.review <= manifest.thresholds.accept
    assert manifest.latency.batch_1_us > 0


@pytest.mark.skipif(not sources.at_hand(sources.UNIPEN), reason=f"{sources.VARIABLE} names no folder of other hands")
def test_the_manifest_tells_of_other_hands(written: Path) -> None:
    found = read_bundle(written).manifest.metrics.other_hands
    assert found is not None
    assert found.images == 15_189
    assert 0.3 < found.accuracy < 0.95  # of one epoch
    assert len(found.by_contributor) == 14
    assert 0 <= found.accepted.share <= 1


def test_strokes_are_learnt_from_and_released_where_no_hands_are_at_hand(
    small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sources.VARIABLE, str(tmp_path / "none"))
    run = train(small_mnist, tmp_path / "runs", strokes=0.2)
    manifest = read_bundle(release(run, small_mnist, tmp_path / "models" / "drawn")).manifest
    assert manifest.training.recipe["strokes"] == 0.2
    assert manifest.metrics.other_hands is None


def test_a_bundle_teaches(written: Path, small_mnist: Mnist, tmp_path: Path) -> None:
    taught = train(small_mnist, tmp_path, teacher=str(written))
    assert taught.record.recipe["teacher"] == written.name


def test_a_second_release_is_the_next_version(run: Run, small_mnist: Mnist, written: Path) -> None:
    assert release(run, small_mnist, written.parent) == written.parent / "2"


def test_the_run_keeps_its_answers_and_its_report(run: Run, small_mnist: Mnist, written: Path) -> None:
    part, answers = load(run.folder).answers()
    manifest = read_bundle(written).manifest
    assert part == "test"
    assert (answers[:, :10].argmax(axis=1) == small_mnist.test.labels).mean() == manifest.metrics.accuracy
    assert f"{manifest.metrics.accuracy:.2%}" in pipeline.summarise(run, small_mnist)
    report = (run.folder / "report.html").read_text("utf-8")
    assert report.count("data:image/png") > 9  # the corruptions', and mistakes
    assert f"{manifest.metrics.corruptions['noise'].accuracy:.2%}" in report


def test_the_card_is_the_report_without_pictures(written: Path) -> None:
    card, manifest = (written / bundle.CARD_FILE).read_text("utf-8"), read_bundle(written).manifest
    assert f"<h1>{manifest.name} {manifest.version}</h1>" in card
    assert manifest.model_sha256 in card
    assert "data:image" not in card


def test_a_run_that_was_not_released_has_a_report_of_the_validation(small_mnist: Mnist, tmp_path: Path) -> None:
    trained = train(small_mnist, tmp_path)
    assert pipeline.summarise(trained, small_mnist).startswith("validation: ")
    assert "300 validation images" in (trained.folder / "report.html").read_text("utf-8")


def test_a_model_that_answers_otherwise_is_not_written(
    run: Run, small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.export.finish", lambda graph, temperature: finish(graph, temperature * 1.1))
    with pytest.raises(ParityError, match="no bundle was written"):
        release(run, small_mnist, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arch", [one for one in ARCHITECTURES if one not in SEQUENCES])
def test_the_graph_is_lean(arch: str) -> None:
    proto = onnx.load_from_string(finish(to_graph(architecture(arch).build()), 1.5))
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("Cast") == 1
    assert not {"Transpose", "BatchNormalization", "Shape", "Gather", "Concat"} & set(operators)
    assert [entry.domain for entry in proto.opset_import] == [""]


@pytest.mark.parametrize("arch", SEQUENCES)
def test_the_graph_of_a_sequence_has_no_loop_and_takes_any_number_of_frames(arch: str) -> None:
    content = finish(to_graph(architecture(arch).build()), 1.5)
    operators = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert not {"Loop", "Scan", "If"} & operators
    frames = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    together = opened(content).scores(frames)
    alone = np.concatenate([opened(content).scores(frames[place : place + 1]) for place in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.fixture(scope="module")
def convolutional(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The default network, narrow, until it can tell digits apart; to be exported in integers."""
    chosen = architecture("cnn")
    options = {"epochs": 5, "width": 0.5, "batch_size": 32, "non_digits": 0, "augmented": 0, "int8": True}
    folder = tmp_path_factory.mktemp("convolutional")
    return pipeline.train(chosen, chosen.recipe.changed(options), small_mnist, seed=0, folder=folder)


def test_integers_answer_much_as_keras_does(convolutional: Run, small_mnist: Mnist, tmp_path: Path) -> None:
    manifest, model = read_bundle(release(convolutional, small_mnist, tmp_path / "small"))
    assert manifest.int8
    assert "QuantizeLinear" in {node.op_type for node in onnx.load_from_string(model).graph.node}
    assert manifest.parity.max_abs_difference > PARITY_LIMIT
    assert manifest.parity.same_digit >= 0.98 * manifest.parity.images
    exact, in_floats = read_bundle(release(convolutional, small_mnist, tmp_path / "small", int8=False))
    assert not exact.int8
    assert exact.parity.max_abs_difference < PARITY_LIMIT
    assert len(model) < 0.5 * len(in_floats)


def test_integers_that_answer_otherwise_are_not_written(
    convolutional: Run, small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the ranges were found on images unlike those that are read."""
    monkeypatch.setattr("training.export.quantise", lambda graph, frames: quantise(graph, frames // 64))
    with pytest.raises(ParityError, match=r"the cross-entropy of the validation images rises from .*; no bundle was"):
        release(convolutional, small_mnist, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_convolutions_cannot_be_in_integers(run: Run, small_mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="--int8: the network has no convolutions"):
        release(run, small_mnist, tmp_path / "small", int8=True)


def test_a_packed_network_is_half_as_large_and_reads_the_same(
    convolutional: Run, small_mnist: Mnist, tmp_path: Path
) -> None:
    original = convolutional.network()
    (path := tmp_path / "network.keras").write_bytes(network.pack(original))
    assert path.stat().st_size < 0.7 * convolutional.model.stat().st_size
    again = network.load(path)
    assert {weight.dtype for weight in again.weights} == {"float32"}
    frames = small_mnist.test.images
    np.testing.assert_allclose(logits(again, frames), logits(original, frames), rtol=0.01, atol=0.01)


def test_the_same_seed_gives_the_same_weights(small_mnist: Mnist, run: Run, tmp_path: Path) -> None:
    again = train(small_mnist, tmp_path)
    weights = keras.models.load_model(run.model).get_weights()
    for one, other in zip(weights, keras.models.load_model(again.model).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_ensemble_answers_with_the_mean_of_its_members_logits(small_mnist: Mnist, tmp_path: Path) -> None:
    both = train(small_mnist, tmp_path, members=2)
    members = [load(folder) for folder in sorted(tmp_path.iterdir()) if folder != both.folder]
    seeds = [member.record.training.seed for member in members]
    assert sorted(seeds) == both.record.training.seeds == [0, 1]
    scores = [logits(keras.models.load_model(member.model), small_mnist.test.images) for member in members]
    expected = np.mean(scores, axis=0)
    np.testing.assert_allclose(
        logits(keras.models.load_model(both.model), small_mnist.test.images), expected, atol=1e-4
    )


def test_members_that_are_there_are_not_trained_again(
    small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def members(commit: str, **changes: Any) -> set[str]:
        """Train two and say which runs are new, beside the ensemble's own."""
        monkeypatch.setattr(provenance, "git_commit", lambda: commit)
        before = {path.name for path in tmp_path.iterdir()}
        train(small_mnist, tmp_path, members=2, **changes)
        return {path.name for path in tmp_path.iterdir() if path.name not in before and "-of-" not in path.name}

    assert len(members("a")) == 2
    assert members("a") == set()
    (tmp_path / next(iter(sorted(path.name for path in tmp_path.iterdir()))) / "run.json").unlink()  # broken off
    assert len(members("a")) == 1
    assert len(members("b")) == len(members("b", dropout=0.1)) == len(members("b-dirty")) == 2
    assert len(members("b-dirty")) == 2


def test_an_ensemble_is_made_of_several_runs_of_one_architecture(run: Run, small_mnist: Mnist, tmp_path: Path) -> None:
    other = Run(run.folder, run.record.model_copy(update={"architecture": "mlp-256-128"}))
    for members in ([run], [run, other]):
        with pytest.raises(BadOption, match=r"two or more runs of one architecture; these are: .*mlp-128-64"):
            combine(members, small_mnist, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_ensemble_holds_out_what_none_of_its_members_has_learnt(
    run: Run, small_mnist: Mnist, tmp_path: Path
) -> None:
    """The second member held out fewer images, so the validation images of this ensemble are those."""
    fewer = small_mnist._replace(validation=small_mnist.validation.take(np.arange(100)))
    both = combine([run, train(fewer, tmp_path)], fewer, folder=tmp_path)
    assert both.record.training.split["validation"] == 100
    part, answers = both.answers()
    assert (part, len(answers)) == ("validation", 100)


def test_a_student_learns_from_a_teacher_alone(run: Run, small_mnist: Mnist, tmp_path: Path) -> None:
    """With a share of 1 the labels do not count: they are wrong here, and the student is right all the same."""
    wrong = small_mnist._replace(train=Digits(small_mnist.train.images, (small_mnist.train.labels + 1) % 10))
    student = train(wrong, tmp_path, teacher=str(run.folder), teacher_share=1, epochs=3)
    answers = np.load(student.folder / "validation.npy")
    assert (answers[:, :10].argmax(axis=1) == small_mnist.validation.labels).mean() > 0.8


def test_lessons_are_images_distorted_anew_and_what_the_teacher_answers_to_them(small_mnist: Mnist) -> None:
    chosen = architecture("mlp-128-64")
    recipe = chosen.recipe.changed({"teacher_views": 3, "epochs": 9, "shift": 3, "dropout": 0.5})
    teacher, (digits, labels) = chosen.build(recipe), small_mnist.test
    examples = Examples(digits, np.eye(10, dtype=np.float32)[labels], np.ones(len(labels), np.float32))
    images, targets, _ = lessons(teacher, Batches(examples, recipe, seed=0), Distort(recipe, seed=0), recipe)
    assert (images.shape, images.dtype, targets.shape) == ((3 * len(labels), 28, 28), np.uint8, (3 * len(labels), 20))
    assert len(np.unique(images, axis=0)) > 2.9 * len(labels)
    np.testing.assert_allclose(targets[:, 10:], logits(teacher, images), atol=1e-3)  # no unit is left out
    assert (targets[:, :10].sum(axis=0) == 3 * np.bincount(labels)).all()


def test_an_epoch_of_more_images_than_it_takes_is_some_of_them(small_mnist: Mnist) -> None:
    recipe, digits = architecture("mlp-128-64").recipe, small_mnist.test
    targets = np.arange(len(digits.labels), dtype=np.float32)[:, None]
    examples = Examples(digits.images, targets, np.ones(len(targets), np.float32))
    batches = Batches(examples, recipe, seed=0, an_epoch=100)
    drawn = []
    for _ in range(2):
        drawn.append(np.concatenate([batches[index][1] for index in range(len(batches))]).ravel())
        batches.on_epoch_end()
    assert [len(set(one)) for one in drawn] == [100, 100]
    assert set(drawn[0]) != set(drawn[1])


def test_a_teacher_that_knows_no_non_digits_is_refused_where_they_are_taught(
    run: Run, small_mnist: Mnist, tmp_path: Path
) -> None:
    with pytest.raises(BadOption, match="was not taught what is no digit; choose another, or --non-digits 0"):
        train(small_mnist, tmp_path, teacher=str(run.folder), non_digits=0.1)


def test_a_teacher_that_has_learnt_the_validation_images_is_refused(
    run: Run, small_mnist: Mnist, tmp_path: Path
) -> None:
    more = small_mnist._replace(validation=small_mnist.train)
    with pytest.raises(BadOption, match="has learnt some of the 1,200 validation images, as only 300 were held out"):
        train(more, tmp_path, teacher=str(run.folder))


def test_a_teacher_that_cannot_teach_is_refused_before_it_is_trained(small_mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="mlp-128-64 was not taught what is no digit"):
        train(small_mnist, tmp_path, teacher="mlp-128-64", non_digits=0.1)
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_that_is_an_architecture_is_trained_once_for_all_members(small_mnist: Mnist, tmp_path: Path) -> None:
    both = train(small_mnist, tmp_path, members=2, teacher="mlp-128-64")
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 4  # the teacher, two members and both
    assert both.record.recipe["teacher"] == folders[0].name


def test_non_digits_are_told_apart_by_the_energy(small_mnist: Mnist, tmp_path: Path) -> None:
    learned = train(small_mnist, tmp_path, non_digits=0.3, epochs=4)
    network = keras.models.load_model(learned.model)
    others = non_digits.draw(200, small_mnist.test, non_digits.TESTING, seed=1)
    energy = -np.logaddexp.reduce(logits(network, np.concatenate([small_mnist.test.images, others])), axis=1)
    assert np.median(energy[: -len(others)]) < 0 < np.median(energy[-len(others) :])


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "nesterov", "schedule": "exponential", "clip_norm": 1.0, "learning_rate": 0.05},
        {"optimizer": "rmsprop", "schedule": "cosine", "warm_up": 0.5, "l1": 1e-5, "l2": 1e-4},
        {"mixup": 0.2, "label_smoothing": 0.05, "batch_norm": True, "dropout": 0.2, "patience": 1, "epochs": 3},
        {"precision": "mixed_bfloat16", "optimizer": "adamw", "shift": 1, "noise": 0.05},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_every_option_still_learns(changes: dict[str, Any], small_mnist: Mnist, tmp_path: Path) -> None:
    history = train(small_mnist, tmp_path, **{"epochs": 2, **changes}).record.history
    assert max(history["val_accuracy"]) > 0.8


def test_a_training_that_diverges_is_said_in_a_sentence(small_mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="diverged; give a lower --learning-rate"):
        train(small_mnist, tmp_path, optimizer="sgd", learning_rate=1e12)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        load(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"architecture": "cnn"}))
    with pytest.raises(RunError, match="not a run folder"):
        load(tmp_path)
