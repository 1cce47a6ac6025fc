"""A bundle on disk: `NAME/VERSION/{model.onnx, manifest.json}`, immutable once written. Other files may be there."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import BundleError

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
NETWORK_FILE = "network.keras"
"""The trained network in 16-bit floats, to train on (training/network.py reads it); the service does not."""
CARD_FILE = "card.html"
"""The model card, for people."""
ANY_MODEL = "tensors"  # the task of a model of which nothing is said
NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


class Record(BaseModel):
    # A foreign or newer bundle may carry fields that this version does not know: they are kept, not refused.
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class _Task(Record):
    task: str


class Manifest(Record):
    """What every model's says; its task's says more."""

    task: str = Field(description="What the model is for.")
    name: str = Field(pattern=NAME.pattern)
    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")
    created: datetime
    model_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def label(self) -> str:
        """What logs and processes call it."""
        return f"{self.name}/{self.version}"

    def summary(self) -> str:
        """In a few words, for a list."""
        return self.task


M = TypeVar("M", bound=Manifest, covariant=True)


class Bundle(NamedTuple, Generic[M]):
    """A verified bundle: what its manifest says, and the very bytes whose digest was checked."""

    manifest: M
    model: bytes


def check_name(name: str) -> None:
    """Raises BundleError where a model cannot be called so."""
    if not NAME.fullmatch(name):
        raise BundleError(f"a model cannot be called {name!r}: up to 64 of a-z, 0-9, '.', '_' and '-', as in 'digits'")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def task_of(folder: Path) -> str:
    """What the model in a version's folder is for, by its manifest; ANY_MODEL where it has none. Raises BundleError."""
    if not (folder / MANIFEST_FILE).exists() and (folder / MODEL_FILE).exists():
        return ANY_MODEL
    try:
        return _Task.model_validate_json((folder / MANIFEST_FILE).read_bytes()).task
    except (OSError, ValidationError) as error:
        raise BundleError(f"{folder}: {error}") from error


def read(folder: Path, kind: type[M]) -> Bundle[M]:
    """Read and verify one version's folder, whose manifest is of that `kind`.

    Raises BundleError where anything is missing or differs.
    """
    try:
        model = (folder / MODEL_FILE).read_bytes()
        if kind.model_fields["task"].default == ANY_MODEL and not (folder / MANIFEST_FILE).exists():
            manifest = _implied(folder, model, kind)
        else:
            manifest = kind.model_validate_json((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{folder}: {error}") from error
    if (named := (manifest.name, manifest.version)) != (found := (folder.parent.name, folder.name)):
        raise BundleError(f"{folder}: the manifest is of {'/'.join(named)}, the folder of {'/'.join(found)}")
    if (actual := digest(model)) != manifest.model_sha256:
        raise BundleError(f"{folder}: {MODEL_FILE} has SHA-256 {actual}, the manifest says {manifest.model_sha256}")
    return Bundle(manifest, model)


def _implied(folder: Path, model: bytes, kind: type[M]) -> M:
    """What is said of a model by its folder alone."""
    written = datetime.fromtimestamp((folder / MODEL_FILE).stat().st_mtime, UTC)
    name, version = folder.parent.name, folder.name
    return kind(task=ANY_MODEL, name=name, version=version, created=written, model_sha256=digest(model))


def find(root: Path, label: str) -> Path:
    """The folder of NAME/VERSION, or of the newest version of NAME, under a folder of bundles. Raises BundleError."""
    name, _, version = label.partition("/")
    known = list(names(root))
    if name not in known:
        raise BundleError(f"in {root} no model is called {name!r}; there {'are' if known else 'is'} {_listed(known)}")
    numbers = versions(root / name)
    if version and version not in numbers:
        raise BundleError(f"{root / name} has no version {version!r}; there are {_listed(numbers)}")
    return root / name / (version or numbers[0])


def _listed(words: list[str]) -> str:
    return ", ".join(words) or "none"


def text(manifest: Manifest) -> str:
    """What stands in its file."""
    return manifest.model_dump_json(indent=2, exclude_none=True) + "\n"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Beside a model that is there already, whole or not at all. Raises BundleError."""
    unfinished = path.with_name(f".{path.name}.writing")
    try:
        _write_durably(unfinished, text(manifest).encode())
        unfinished.rename(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BundleError(f"{path} could not be written: {error}") from error


def write(parent: Path, bundle: Bundle[Manifest], others: Mapping[str, bytes] = MappingProxyType({})) -> Path:
    """Write a new version under `parent` (the model's folder), whole or not at all; returns its folder.

    `others` are files, by name, that stand beside the two that make a bundle.

    Raises BundleError where that version stands already: bundles are immutable.
    """
    folder = parent / bundle.manifest.version
    workspace = make_workspace(parent)
    try:
        manifest = text(bundle.manifest).encode()
        for name, content in {**others, MODEL_FILE: bundle.model, MANIFEST_FILE: manifest}.items():
            _write_durably(workspace / name, content)
        workspace.chmod(0o755)
        workspace.rename(folder)  # atomic; fails where a version with files stands
    except OSError as error:
        raise BundleError(f"{folder} could not be written: {error}") from error
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return folder


def make_workspace(parent: Path) -> Path:
    """An empty folder under a model's, in which a version can be written. Raises BundleError where none can be made."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
    except OSError as error:
        raise BundleError(f"{parent}: no bundle can be written there: {error}") from error


def versions(parent: Path) -> list[str]:
    """Version numbers under a model's folder, newest first."""
    found = [entry.name for entry in parent.iterdir() if entry.name.isdecimal() and entry.is_dir()]
    return sorted(found, key=int, reverse=True)


def names(root: Path) -> Iterator[str]:
    """Names of the models in a folder of bundles."""
    return (entry.name for entry in sorted(root.iterdir()) if entry.is_dir() and versions(entry))


def next_version(parent: Path) -> str:
    return str(int(versions(parent)[0]) + 1) if parent.is_dir() and versions(parent) else "1"


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
