"""Bundles on disk: whole or not at all, and never other than their manifest says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import BundleError
from app.inference import bundle
from app.inference.bundle import Bundle
from app.tasks.digits.manifest import DigitsManifest, Provenance, Thresholds, read_bundle
from training.constants import NUMBERS, PREPARATION, golden

MODEL = b"not a real model, but bytes"


def manifest(version: str = "1", model: bytes = MODEL) -> DigitsManifest:
    return DigitsManifest(
        name="letters",
        version=version,
        created=datetime.now(UTC),
        model_sha256=bundle.digest(model),
        labels=[str(digit) for digit in range(10)],
        thresholds=Thresholds(accept=0.9, review=0.5),
        preparation=PREPARATION,
        numbers=NUMBERS,
        golden=golden(),
        architecture="none",
        parameters=0,
        opset=18,
        licence="Apache-2.0",
        intended_use="tests",
        limits="all",
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    assert folder == tmp_path / "letters" / "1"
    assert read_bundle(folder) == Bundle(manifest=read_bundle(folder).manifest, model=MODEL)
    assert [entry.name for entry in folder.parent.iterdir()] == ["1"]  # no workspace is left


def test_a_model_that_was_trained_outside_a_repository_is_read_back(tmp_path: Path) -> None:
    trained = Provenance(data_sha256={}, split={}, seed=0, epochs=1, libraries={})
    whole = manifest().model_copy(update={"training": trained})
    assert read_bundle(bundle.write(tmp_path / "letters", Bundle(whole, MODEL))).manifest == whole


def test_other_files_stand_beside(tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL), {"card.html": b"<p>"})
    assert (folder / "card.html").read_bytes() == b"<p>"
    assert read_bundle(folder).model == MODEL


def test_a_version_is_never_overwritten(tmp_path: Path) -> None:
    bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    with pytest.raises(BundleError, match="could not be written"):
        bundle.write(tmp_path / "letters", Bundle(manifest(model=b"other"), b"other"))
    assert read_bundle(tmp_path / "letters" / "1").model == MODEL
    assert [entry.name for entry in (tmp_path / "letters").iterdir()] == ["1"]


def test_versions_count_as_numbers(tmp_path: Path) -> None:
    parent = tmp_path / "letters"
    assert bundle.next_version(parent) == "1"
    for version in ("2", "10", "9"):
        bundle.write(parent, Bundle(manifest(version), MODEL))
    (parent / ".writing-abc").mkdir()
    assert bundle.versions(parent) == ["10", "9", "2"]
    assert bundle.next_version(parent) == "11"
    assert list(bundle.names(tmp_path)) == ["letters"]


def test_another_model_than_the_manifests_is_refused(tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    (folder / bundle.MODEL_FILE).write_bytes(MODEL + b"!")
    with pytest.raises(BundleError, match="SHA-256"):
        read_bundle(folder)


def test_a_folder_of_another_name_is_refused(tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    with pytest.raises(BundleError, match="the manifest is of letters/1, the folder of letters/7"):
        read_bundle(folder.rename(folder.parent / "7"))


@pytest.mark.parametrize("name", [bundle.MODEL_FILE, bundle.MANIFEST_FILE])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(folder)


def test_thresholds_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be above"):
        Thresholds(accept=0.2, review=0.9)


def test_fields_of_a_newer_manifest_are_kept(tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "letters", Bundle(manifest(), MODEL))
    file = folder / bundle.MANIFEST_FILE
    file.write_text(file.read_text().replace('"opset"', '"novelty": {"auroc": 0.99}, "opset"'))
    assert read_bundle(folder).manifest.model_dump()["novelty"] == {"auroc": 0.99}
