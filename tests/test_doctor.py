"""`digitserve doctor`: a real service measured, and the advice that follows from a report."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.doctor import Report, Served, advice
from app.inference.session import CPU
from app.inference.warmup import WarmUp
from app.load import Load
from app.serving.opening import open_version
from app.tasks.registry import TASKS
from tests.conftest import DIGITS, MLP, MODELS


def test_it_measures_this_machine(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('this is the app of another project')")
    done = subprocess.run(
        [Path(sys.executable).with_name("digitserve"), "doctor", "--models", str(MODELS), "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"DIGITSERVE_RATE_IMAGES_PER_SECOND": "1"},  # which must not spoil the measurement
    )
    assert done.returncode == 0, done.stderr
    assert f"digits/{DIGITS.name} on {CPU}" in done.stdout
    assert f"mlp-128-64/{MLP.name} on {CPU}" in done.stdout
    assert len(re.findall(r"images a run: +[\d.]+ us", done.stdout)) == 21  # 1, 2, 4 ... 64 of each
    served = re.search(r"served ([\d,]+) requests/s", done.stdout)
    assert served
    assert int(served[1].replace(",", "")) > 500


def test_a_device_that_is_not_there_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "doctor", "--models", str(MODELS), "--device", "cuda"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "device cuda was asked for" in done.stderr


def report(tmp_path: Path, **changes: Any) -> Report:
    settings = Settings(models=tmp_path, **{"workers": 4, "intra_op_threads": 1, **changes.pop("settings", {})})
    warmed = WarmUp({1: 1e-5, 64: changes.pop("chunk_seconds", 1e-3)}, 2e-5, 64)
    usual = {
        "host_cores": 8,
        "usable_cores": 4,
        "quota": 4.0,
        "open_files": 65_536,
        "models": [open_version(DIGITS, settings, TASKS)._replace(warmed=warmed)],
        "served": Served(Load(), 1e-5),
    }
    return Report(settings, **{**usual, **changes})


def test_nothing_to_advise(tmp_path: Path) -> None:
    assert advice(report(tmp_path, settings={"device": "cpu"})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {"intra_op_threads": 2}}, "want 8 cores, and 4 are usable"),
        ({"settings": {"workers": 2}}, "2 of 4 usable cores are used. Raise --workers"),
        ({"quota": 3.5}, "the quota of 3.5 cores is no whole number"),
        ({"chunk_seconds": 0.2}, "a run of 64 images takes 200 ms"),
        ({"open_files": 1024}, "each process may open 1024 files"),
    ],
)
def test_each_fault_has_its_advice(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    settings = {"device": "cpu", **changes.pop("settings", {})}
    found = advice(report(tmp_path, settings=settings, **changes))
    assert len(found) == 1
    assert said in found[0]
