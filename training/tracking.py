"""Where else a training can be followed: TensorBoard and MLflow, a callback of Keras each."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import keras

from training.errors import BadOption

EXPERIMENT = "digitserve"
Callbacks = tuple[keras.callbacks.Callback, ...]


class Tracking(NamedTuple):
    """Which are wanted."""

    tensorboard: bool = False
    mlflow: bool = False

    def check(self) -> None:
        """Raises BadOption where a library is missing: before hours of training, not after its first epoch."""
        if self.tensorboard and find_spec("tensorboard") is None:
            raise BadOption("--tensorboard: tensorboard is not installed here; `make training` brings it")
        if self.mlflow and find_spec("mlflow") is None:
            raise BadOption("--mlflow: MLflow is not installed here; pip install -e '.[cpu,mlflow]' brings it")

    @contextmanager
    def callbacks(self, folder: Path, facts: Mapping[str, Any]) -> Iterator[Callbacks]:
        """For the run of that folder, which may train in several steps; `facts` are what was chosen before it."""
        with ExitStack() as followed:
            found: list[keras.callbacks.Callback] = []
            if self.tensorboard:
                found.append(TensorBoard(folder / "tensorboard", write_graph=False))
            if self.mlflow:
                found.append(followed.enter_context(MlflowRun(folder, facts)))
            yield tuple(found)


UNTRACKED = Tracking()


class TensorBoard(keras.callbacks.TensorBoard):  # type: ignore[misc]  # Keras is untyped
    """Keras', which would begin at the first epoch again with each step of a run."""

    _epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 Keras' own count
        super().on_epoch_end(self._epochs, logs)
        self._epochs += 1


class MlflowRun(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """An MLflow run of the folder's name, with what was chosen and each epoch's figures. Within `with` it is running.

    It goes to MLFLOW_TRACKING_URI, by default to `mlflow.db` beside the run's folder.
    """

    _epochs = 0

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        super().__init__()
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # as ONNX Runtime's reports: decision 0049
        from mlflow import MlflowClient  # an extra, and seconds to import

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # after the import, which sets it: tables are made
        address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.parent.resolve() / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=address)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        self._run: str = self._client.create_run(experiment, run_name=folder.name).info.run_id
        for fact, value in facts.items():
            self._client.log_param(self._run, fact, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        ended = "FINISHED" if kind is None else "FAILED" if issubclass(kind, Exception) else "KILLED"
        self._client.set_terminated(self._run, ended)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 Keras' own count
        self._epochs += 1
        for figure, value in (logs or {}).items():
            self._client.log_metric(self._run, figure, value, step=self._epochs)
