"""The models that are live: each verified, opened, checked by its task and warmed up before anyone can reach it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from app.config import Settings
from app.cores import usable_cores
from app.errors import BundleError, ModelNotFound, StartError
from app.inference import bundle
from app.inference.bundle import Bundle, Manifest
from app.inference.contract import ANY, Contract
from app.inference.session import CPU, Session, Tensors
from app.inference.warmup import WarmUp, warm_up
from app.serving.batcher import Batcher
from app.serving.tensors import Reference
from app.telemetry.metrics import Metrics

log = structlog.get_logger()


class Runner(Protocol):
    """A model, opened, as its task runs it."""

    @property
    def contract(self) -> Contract:
        """What it takes and gives by name."""

    @property
    def batched(self) -> bool:
        """Whether rows of several requests may be run together."""

    @property
    def labels(self) -> Mapping[str, list[str]]:
        """By output: what its columns stand for."""

    def run(self, inputs: Tensors) -> Tensors:
        """In the task's own form."""

    def sample(self, rows: int) -> Tensors | None:
        """Inputs to warm up with, of so many rows; None where none are known."""

    def probe(self) -> Tensors | None:
        """One row that a sound model answers: readiness asks it. None where none is known."""


class Task(Protocol):
    """What a kind of model is for."""

    @property
    def manifest(self) -> type[Manifest]:
        """What its manifests say."""

    @property
    def any_size(self) -> bool:
        """Whether its models' inputs may be of any size, so that what their runs take must be bounded."""

    def open(self, manifest: Manifest, session: Session) -> Runner:
        """Raises BundleError where the model breaks its contract, or does not answer its golden set."""


class Opened(NamedTuple):
    """A version that could answer requests."""

    manifest: Manifest
    session: Session
    runner: Runner
    warmed: WarmUp


class LiveModel:
    """A version that answers them."""

    def __init__(self, opened: Opened, batcher: Batcher) -> None:
        self.manifest, self.session, self.runner, self.warmed = opened
        self.batcher = batcher
        self.reference: Reference = {"name": self.manifest.name, "version": self.manifest.version}
        self.names = self.manifest.name, self.manifest.version
        self.label = self.manifest.label


class Repository:
    """All live models by name and version. `tasks` are by the name that manifests have for them."""

    def __init__(self, settings: Settings, metrics: Metrics, tasks: Mapping[str, Task]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._tasks = tasks
        self._live: dict[str, dict[str, LiveModel]] = {}

    def load(self) -> None:
        """Bring the newest versions of every model live. One that fails any step is logged and left out.

        Raises StartError where the device that was asked for does not work, or no default model is there to answer.
        """
        names = list(bundle.names(self._settings.models))
        for name in names:
            live = self._load_newest(self._settings.models / name)
            if live:
                self._live[name] = live
        if self._settings.default_model not in self._live:
            raise self._nothing_answers(names)

    def get(self, name: str | None = None, version: str | None = None) -> LiveModel:
        """The live model asked for; by default the default model's newest. Raises ModelNotFound."""
        name = name or self._settings.default_model
        versions = self._live.get(name)
        if not versions:
            raise ModelNotFound(f"no live model is called {name!r}; live are {', '.join(self._live)}")
        if version is None:
            return next(iter(versions.values()))
        if version not in versions:
            raise ModelNotFound(f"model {name!r} has no live version {version!r}; live are {', '.join(versions)}")
        return versions[version]

    def named(self, name: str, version: str | None = None) -> list[LiveModel]:
        """All live versions of a model, or the one that is asked for. Raises ModelNotFound."""
        self.get(name, version)
        return [model for number, model in self._live[name].items() if version in {None, number}]

    def all(self) -> list[LiveModel]:
        """Every live model: by name, newest version first."""
        return [model for versions in self._live.values() for model in versions.values()]

    def digests(self) -> dict[str, str]:
        """By NAME/VERSION, of the manifest, which has the model's own: what makes two processes answer alike."""
        return {model.label: bundle.digest(model.manifest.model_dump_json().encode()) for model in self.all()}

    def close(self) -> None:
        for model in self.all():
            model.batcher.close()

    def _nothing_answers(self, names: list[str]) -> StartError:
        default, models = self._settings.default_model, self._settings.models
        if default in names:
            return StartError(f"no version of the default model {default!r} could be made live; the reasons are logged")
        there = (
            f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else "there is no bundle at all"
        )
        return StartError(
            f"the default model is called {default!r}, but in {models} {there}; set DIGITSERVE_DEFAULT_MODEL to one "
            "that is there, or --models to its folder"
        )

    def _load_newest(self, folder: Path) -> dict[str, LiveModel]:
        live: dict[str, LiveModel] = {}
        for version in bundle.versions(folder):
            if len(live) == self._settings.live_versions:
                break
            try:
                live[version] = self._open(folder / version)
            except StartError:
                raise
            except Exception as error:  # whatever a version does, it takes no other down with it
                reason = str(error) if isinstance(error, BundleError) else f"{type(error).__name__}: {error}"
                log.error("version refused", model=folder.name, version=version, reason=reason)
        return live

    def _open(self, folder: Path) -> LiveModel:
        settings, opened = self._settings, open_version(folder, self._settings, self._tasks)
        manifest, session, runner = opened.manifest, opened.session, opened.runner
        shapes_vary = any(ANY in tensor.shape[int(runner.batched) :] for tensor in runner.contract.inputs)
        batcher = Batcher(
            opened.runner.run,
            self._metrics,
            name=manifest.name,
            version=manifest.version,
            max_batch_size=settings.max_batch_size,
            max_queue_rows=settings.max_queue_images,
            max_wait_seconds=settings.max_wait_seconds,
            inline_rows=0 if shapes_vary else opened.warmed.inline_rows,  # what was measured was of one shape
            batched=opened.runner.batched,
            shapes_vary=shapes_vary,
        )
        self._metrics.model_info.labels(manifest.name, manifest.version, session.provider, manifest.model_sha256).set(1)
        log.info("live", model=manifest.name, version=manifest.version, provider=session.provider)
        return LiveModel(opened, batcher)


def read_version(folder: Path, tasks: Mapping[str, Task]) -> tuple[Task, Bundle[Manifest]]:
    """Read and verify the version in a folder, and find what it is for. Raises BundleError."""
    name = bundle.task_of(folder)
    if name not in tasks:
        raise BundleError(f"{folder}: its task is {name!r}; known here are {', '.join(tasks)}")
    return tasks[name], bundle.read(folder, tasks[name].manifest)


def open_version(folder: Path, settings: Settings, tasks: Mapping[str, Task]) -> Opened:
    """Verify, open, check and warm up the version in a folder. Raises BundleError, StartError, what a model raises."""
    task, (manifest, model) = read_version(folder, tasks)
    run_bytes = settings.max_run_bytes if task.any_size else None
    session = Session(model, device=settings.device, intra_op_threads=settings.intra_op_threads, run_bytes=run_bytes)
    runner = task.open(manifest, session)
    spare_core = session.provider != CPU or usable_cores() > settings.workers * settings.intra_op_threads
    most = settings.max_batch_size if runner.batched else 1
    warmed = warm_up(runner.run, runner.sample, most, spare_core=spare_core)
    return Opened(manifest, session, runner, warmed)
