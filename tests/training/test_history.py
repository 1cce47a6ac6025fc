"""Runs as they are looked back at, by the command line; nothing is trained."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from training import history, run
from training.recipe import Recipe
from training.run import Record, Run

HISTORY = {"loss": [0.4, 0.2], "val_loss": [0.3, 0.25], "accuracy": [0.9, 0.97], "val_accuracy": [0.93, 0.965]}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Run, Run]:
    first, second = (
        left(tmp_path / name, **changes) for name, changes in (("1-cnn", {}), ("2-cnn", {"dropout": 0.25}))
    )
    return first, second


def left(folder: Path, **changes: float) -> Run:
    folder.mkdir()
    (folder / run.MODEL_FILE).touch()
    recipe = Recipe(epochs=2, **changes).model_dump(mode="json")
    training = {"data_sha256": {}, "split": {}, "seed": 7, "epochs": 2, "libraries": {}}
    return run.create(
        folder, Record(architecture="cnn", recipe=recipe, training=training, seconds=125, history=HISTORY)
    )


def test_the_newest_comes_first_with_its_figures(runs: tuple[Run, Run], tmp_path: Path) -> None:
    (tmp_path / "3-broken-off").mkdir()
    command = [sys.executable, "-m", "training", "runs", "list", "--runs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    _, *lines = done.stdout.splitlines()
    assert [line.split() for line in lines] == [
        [one.folder.name, "cnn", "2", "2:05", "96.50%", "0.2500", "-"] for one in reversed(runs)
    ]


def test_runs_differ_in_the_options_that_are_shown(runs: tuple[Run, Run]) -> None:
    rows = [line.split("  ") for line in history.compared(runs).splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert cells["dropout"] == ["-", "0.25"]
    assert "epochs" not in cells
    assert cells["validation accuracy"] == ["96.50%", "96.50%"]


def test_one_is_shown_with_its_curves_and_what_they_say(runs: tuple[Run, Run]) -> None:
    said = history.shown(runs[1], colour=False)
    assert "\x1b" not in said
    assert "dropout   0.25" in said
    assert "training\n" in said
    assert said.endswith("Underfitting: neither accuracy reaches 98%.")
