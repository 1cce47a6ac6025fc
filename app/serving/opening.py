"""A version of a model, from its folder to what could answer requests: verified, opened, checked and warmed up."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from app.config import Settings
from app.cores import usable_cores
from app.errors import BundleError
from app.inference import bundle
from app.inference.bundle import Bundle, Manifest
from app.inference.contract import Contract
from app.inference.session import CPU, Session, Tensors
from app.inference.warmup import WarmUp, warm_up


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


def digest_of(manifest: Manifest) -> str:
    return bundle.digest(manifest.model_dump_json().encode())


def read_version(folder: Path, tasks: Mapping[str, Task]) -> tuple[Task, Bundle[Manifest]]:
    """Read and verify the version in a folder, and find what it is for. Raises BundleError."""
    name = bundle.task_of(folder)
    if name not in tasks:
        raise BundleError(f"{folder}: its task is {name!r}; known here are {', '.join(tasks)}")
    return tasks[name], bundle.read(folder, tasks[name].manifest)


def open_version(folder: Path, settings: Settings, tasks: Mapping[str, Task]) -> Opened:
    """Verify, open, check and warm up the version in a folder. Raises BundleError, StartError, what a model raises."""
    return open_bundle(*read_version(folder, tasks), settings)


def open_bundle(task: Task, verified: Bundle[Manifest], settings: Settings) -> Opened:
    """Open, check and warm it up. Raises as `open_version` does."""
    manifest, model = verified
    run_bytes = settings.max_run_bytes if task.any_size else None
    session = Session(model, device=settings.device, intra_op_threads=settings.intra_op_threads, run_bytes=run_bytes)
    runner = task.open(manifest, session)
    spare_core = session.provider != CPU or usable_cores() > settings.workers * settings.intra_op_threads
    most = settings.max_batch_size if runner.batched else 1
    warmed = warm_up(runner.run, runner.sample, most, spare_core=spare_core)
    return Opened(manifest, session, runner, warmed)
