"""What a model's manifest says, or would say where it has none: each as it would be served."""

from pathlib import Path

from app.config import Settings
from app.inference.bundle import Manifest
from app.serving.repository import open_version
from app.tasks.registry import TASKS
from app.tasks.tensors.described import described
from app.tasks.tensors.manifest import TensorsManifest


def describe(folder: Path, settings: Settings) -> Manifest:
    """Of the version in a folder. Raises BundleError, StartError, what a model raises."""
    manifest, _, runner, _ = open_version(folder, settings, TASKS)
    return described(manifest, runner) if isinstance(manifest, TensorsManifest) else manifest
