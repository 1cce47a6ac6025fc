"""What TensorBoard and MLflow hold of a training, read by their own libraries."""

from pathlib import Path

import pytest

from training import pipeline
from training.architectures import architecture
from training.data import Mnist
from training.errors import BadOption
from training.finetune import finetune, read_base
from training.own_images import Images
from training.release import release
from training.run import Run
from training.tracking import UNTRACKED, Tracking

pytestmark = pytest.mark.filterwarnings("ignore")  # of the two libraries, on import


def train(mnist: Mnist, folder: Path, tracking: Tracking) -> Run:
    chosen = architecture("mlp-128-64")
    recipe = chosen.recipe.changed({"epochs": 2, "batch_size": 200})
    return pipeline.train(chosen, recipe, mnist, seed=3, folder=folder, tracking=tracking)


def test_tensorboard_has_each_epochs_figures(small_mnist: Mnist, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    numbers = pytest.importorskip("tensorboard.util.tensor_util")
    made = train(small_mnist, tmp_path, Tracking(tensorboard=True))
    for part, name in (("train", "loss"), ("validation", "val_loss")):
        read = events.EventAccumulator(str(made.folder / "tensorboard" / part), size_guidance={"tensors": 0})
        read.Reload()
        found = [float(numbers.make_ndarray(one.tensor_proto)) for one in read.Tensors("epoch_loss")]
        assert found == pytest.approx(made.record.history[name])


def test_mlflow_has_what_was_chosen_and_each_epochs_figures(
    small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = train(small_mnist, tmp_path, Tracking(mlflow=True))
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("digitserve").experiment_id])
    assert (found.info.run_name, found.info.status) == (made.folder.name, "FINISHED")
    assert found.data.params.items() >= {"architecture": "mlp-128-64", "seed": "3", "batch_size": "200"}.items()
    measured = [one.value for one in client.get_metric_history(found.info.run_id, "val_loss")]
    assert measured == pytest.approx(made.record.history["val_loss"])


def test_steps_of_one_run_are_counted_on(small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a bundle's network is fine-tuned: its last layer first, then all of them."""
    mlflow = pytest.importorskip("mlflow")
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    base = read_base(release(train(small_mnist, tmp_path, UNTRACKED), small_mnist, tmp_path / "base"))
    images = Images(small_mnist.train.take(range(100)), small_mnist.train.take(range(100, 120)), "0" * 64, [])
    made, _ = finetune(
        base, images, small_mnist, epochs=2, learning_rate=1e-3, seed=0, folder=tmp_path, tracking=Tracking(True, True)
    )
    read = events.EventAccumulator(str(made.folder / "tensorboard" / "train"), size_guidance={"tensors": 0})
    read.Reload()
    assert [one.step for one in read.Tensors("epoch_loss")] == [0, 1, 2, 3]
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("digitserve").experiment_id])
    assert (found.info.status, found.data.params["base"]) == ("FINISHED", "base/1")
    measured = client.get_metric_history(found.info.run_id, "loss")
    assert [one.step for one in measured] == [1, 2, 3, 4]
    assert [one.value for one in measured] == pytest.approx(made.record.history["loss"])


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (MemoryError, "FAILED")])
def test_mlflow_is_told_how_a_run_ended(
    error: type[BaseException], status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(error), Tracking(mlflow=True).callbacks(tmp_path / "run", {}):
        raise error
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("digitserve").experiment_id])
    assert found.info.status == status


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_what_is_not_installed_is_refused_before_the_training(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.tracking.find_spec", lambda _: None)
    with pytest.raises(BadOption, match=rf"^--{name}: .* is not installed here"):
        Tracking(**{name: True}).check()
    Tracking().check()
