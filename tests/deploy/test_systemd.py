"""The unit is what systemd takes, gives the service what it asks for, and leaves it little else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import OTHER_VARIABLES, PREFIX, Settings
from tests.conftest import ROOT

UNIT = ROOT / "deploy" / "systemd" / "digitserve.service"
INSTALLED = "/opt/digitserve/bin/digitserve"
MOST_EXPOSED = 20  # of 100, in systemd's reckoning: 1.5 of 10 and a little


@pytest.fixture
def analyse() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not here to check the unit with")
    return program


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program that is here, as systemd looks for it."""
    made = tmp_path / UNIT.name
    made.write_text(UNIT.read_text().replace(INSTALLED, str(Path(sys.executable).with_name("digitserve"))))
    return made


def test_systemd_takes_the_unit(analyse: str, unit: Path) -> None:
    done = subprocess.run([analyse, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_little_is_exposed(analyse: str, unit: Path) -> None:
    command = [analyse, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_waits_until_the_service_has_drained_and_names_settings_that_there_are() -> None:
    lines = UNIT.read_text().splitlines()
    fields = Settings.model_fields
    (patience,) = (int(line.split("=")[1]) for line in lines if line.startswith("TimeoutStopSec="))
    assert patience > fields["drain_seconds"].default + fields["grace_seconds"].default
    named = {line.split("=")[1] for line in lines if line.startswith("Environment=")}
    assert named <= OTHER_VARIABLES | {f"{PREFIX}{name.upper()}" for name in fields}
