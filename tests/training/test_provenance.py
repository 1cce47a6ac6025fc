import os
import subprocess
from pathlib import Path

from training import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_says_whether_the_tree_differs(tmp_path: Path) -> None:
    assert provenance.git_commit(tmp_path) is None
    git(tmp_path, "init")
    assert provenance.git_commit(tmp_path) is None
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    assert provenance.git_commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "file").write_text("two")
    assert provenance.git_commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD") + "-dirty"


def test_the_libraries_and_the_machine_name_themselves() -> None:
    assert {"python", "keras", "tensorflow", "onnxruntime"} <= provenance.libraries().keys()
    assert f" {len(os.sched_getaffinity(0))} cores, " in provenance.machine()
