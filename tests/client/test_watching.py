"""What is found in a folder that is looked at again and again, while files come, go and change."""

import os
import shutil
import time
from pathlib import Path

import pytest
from digitserve_client.command import inputs, watching

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b/c", "d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PICTURE)
    return tmp_path


def test_a_folder_that_vanishes_meanwhile_is_skipped(folder: Path) -> None:
    found = inputs.pictures(folder)
    assert next(found) == folder / "a"
    shutil.rmtree(folder / "b")
    assert list(found) == [folder / "d"]
    with pytest.raises(FileNotFoundError):
        next(inputs.pictures(folder / "b"))


def test_only_what_changed_is_opened(folder: Path) -> None:
    (folder / "letter").write_bytes(b"Dear Sir")
    looks = watching.look(folder, {})
    assert {path.name for path, look in looks.items() if look.is_picture} == {"a", "c", "d"}
    for name, content in (("a", bytes(len(PICTURE))), ("letter", PICTURE[:8])):  # as long and as old as before
        changed = (folder / name).stat().st_mtime_ns
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(changed, changed))
    assert watching.look(folder, looks) == looks


def test_what_grows_is_given_once_it_has_stopped(folder: Path) -> None:
    found = watching.arrivals(folder, 0.01, existing=True)
    assert next(found) == [folder / "a", folder / "b" / "c", folder / "d"]
    (folder / "d").write_bytes(PICTURE * 2)
    (folder / "b" / "e").write_bytes(PICTURE)
    assert next(found) == [folder / "b" / "e", folder / "d"]


def test_very_many_at_once_are_found_in_little_time(tmp_path: Path) -> None:
    for place in range(10_000):
        (tmp_path / str(place)).write_bytes(PICTURE)
    began = time.monotonic()
    assert len(next(watching.arrivals(tmp_path, 0.01, existing=True))) == 10_000
    assert time.monotonic() - began < 15
