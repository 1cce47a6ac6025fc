from pathlib import Path

import pytest

from app.errors import BundleError
from app.inference.bundle import Bundle
from app.tasks.digits.manifest import DigitsManifest, Provenance, read_bundle
from tests.conftest import DIGITS, MLP
from training import run
from training.run import Record, Run


def provenance(validation: int) -> Provenance:
    return Provenance(data_sha256={}, split={"validation": validation}, seed=0, epochs=1, libraries={})


def record(validation: int) -> Record:
    return Record(architecture="mlp", recipe={}, training=provenance(validation), seconds=1, history={})


def bundle(training: Provenance | None) -> Bundle[DigitsManifest]:
    manifest, model = read_bundle(MLP.resolve())
    return Bundle(manifest.model_copy(update={"training": training}), model)


def test_a_folder_is_a_runs_or_a_bundles(tmp_path: Path) -> None:
    left = run.create(tmp_path, record(700))
    left.model.touch()
    assert run.load_either(tmp_path) == left
    found = run.load_either(DIGITS)
    assert isinstance(found, Bundle)
    assert found.manifest.label == f"digits/{DIGITS.name}"
    with pytest.raises(BundleError):
        run.load_either(tmp_path / "nowhere")


def test_only_images_are_held_out_that_none_was_trained_on() -> None:
    trained = Run(Path("run"), record(700))
    assert run.held_out(trained, bundle(provenance(300))) == 300
    assert run.held_out(trained, bundle(provenance(900))) == 700
    assert run.held_out(bundle(provenance(9_000)), bundle(None)) == 5_000
