import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import BundleError
from tests.conftest import MLP, ROOT
from training.errors import BadOption
from training.hands import digits as hands
from training.options import check_export, check_picture
from training.quiet import native_stderr_off


def training(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_help_names_the_commands_without_importing_tensorflow() -> None:
    probe = "import sys, training.commands; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
    shown = training("--help").stdout
    assert all(command in shown for command in ("train", "export", "evaluate", "report", "read", "fit-numbers"))


def test_where_only_the_service_is_installed_the_chore_is_named_that_brings_the_rest() -> None:
    """`-S`: without the environment's packages."""
    done = subprocess.run([sys.executable, "-S", "-m", "training"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"error: \w+ is missing; .*`make training` installs .*\n", done.stderr)
    assert re.search(r"^training: \.venv/train ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_what_a_person_can_put_right_comes_without_a_traceback(tmp_path: Path) -> None:
    done = training("train", "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}: holds neither train-images-idx3-ubyte")
    assert "Traceback" not in done.stderr


def test_the_export_is_refused_before_a_training_that_it_cannot_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.config.backend", lambda: "jax")
    with pytest.raises(BadOption, match="ONNX is made by TensorFlow alone"):
        check_export(Path("models/digits"))


def test_where_no_bundle_can_be_written_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"file/digits: no bundle can be written there: .*Not a directory"):
        check_export(tmp_path / "file" / "digits")
    check_export(tmp_path / "models" / "digits")
    assert not (tmp_path / "models" / "digits").exists()


@pytest.mark.parametrize("name", ["pareto", "pareto.gif", "nowhere/pareto.svg"])
def test_a_picture_that_cannot_be_drawn_is_refused_before_the_measuring(name: str, tmp_path: Path) -> None:
    check_picture(tmp_path / "pareto.svg")
    with pytest.raises(BadOption, match=r"give a file in a folder that exists, ending in \.svg, \.png, \.pdf"):
        check_picture(tmp_path / name)


@pytest.mark.parametrize("seed", ["-1", str(2**31)])
def test_a_seed_that_cannot_be_is_refused(seed: str) -> None:
    done = training("train", "--seed", seed)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@pytest.mark.usefixtures("mnist_test")
def test_evaluate_prints_the_metrics_as_json() -> None:
    done = training("evaluate", str(MLP))
    manifest = json.loads((MLP / "manifest.json").read_text())
    metrics = json.loads(done.stdout)
    assert metrics["confusion_matrix"] == manifest["metrics"]["confusion_matrix"]
    assert metrics["hands"].keys() == hands.validation().keys()
    assert all(0.7 < right < 1 for right in metrics["hands"].values())
    assert done.stderr == ""


def test_native_chatter_is_silenced_and_then_heard_again(capfd: pytest.CaptureFixture[str]) -> None:
    def chatter_and_fail() -> None:
        os.write(2, b"chatter")
        raise ImportError

    with pytest.raises(ImportError), native_stderr_off():
        chatter_and_fail()
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"
