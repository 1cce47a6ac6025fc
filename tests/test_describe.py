"""`digitserve models describe`: a model that was dropped in alone gets a manifest, which is edited and then served."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.errors import BundleError
from app.serving.repository import open_version
from app.tasks.registry import TASKS
from tests import models
from tests.conftest import MODELS, Process


def describe(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "models", "describe", "--models", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def edited(folder: Path, **said: Any) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(document | said))


def test_what_was_found_out_is_written_out(tmp_path: Path) -> None:
    models.put(tmp_path, "add", models.add())
    models.put(tmp_path, "add", models.centred(), "12")
    newest, first = describe(tmp_path, "add"), describe(tmp_path, "add/1")
    assert newest.returncode == first.returncode == 0
    said = json.loads(first.stdout)
    assert (said["task"], said["name"], said["version"], said["batched"]) == ("tensors", "add", "1", True)
    assert said["inputs"] == [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in "ab"]
    assert said["outputs"] == [{"name": "sum", "datatype": "FP32", "shape": [-1, 3]}]
    assert said["labels"] == {"sum": []}
    assert (json.loads(newest.stdout)["version"], json.loads(newest.stdout)["batched"]) == ("12", False)
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_edited_is_served(tmp_path: Path, process: Callable[..., Process]) -> None:
    (tmp_path / "digits").symlink_to(MODELS / "digits")
    kept, alone, narrow = (models.put(tmp_path, name, models.doubled()) for name in ("kept", "alone", "narrow"))
    for folder in (kept, alone, narrow):
        done = describe(tmp_path, folder.parent.name, "--write")
        assert (done.returncode, done.stdout) == (0, f"{folder / 'manifest.json'} is written\n")
    edited(alone, batched=False)
    edited(narrow, inputs=[{"name": "x", "datatype": "FP32", "shape": [-1, 2]}], labels={"y": ["left", "right"]})
    running = process("--models", str(tmp_path))
    running.wait_until_ready()

    def config(name: str) -> tuple[int, list[int]]:
        found = httpx.get(f"{running.url}/v2/models/{name}/config").json()
        return found["max_batch_size"], found["input"][0]["dims"]

    assert {name: config(name) for name in ("kept", "alone", "narrow")} == {
        "kept": (64, [-1]),
        "alone": (0, [-1, -1]),
        "narrow": (64, [2]),
    }
    x = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 3]}
    wanted = [{"name": "y", "parameters": {"classification": 1}}]
    infer = f"{running.url}/v2/models/narrow/infer"
    answer = httpx.post(infer, json={"inputs": [x], "outputs": wanted}).json()
    assert answer["outputs"][0]["data"] == ["6.000000:1:right"]
    refused = httpx.post(infer, json={"inputs": [x | {"shape": [2, 1]}]})
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_shape")


def test_a_manifest_that_stands_is_kept_unless_forced(tmp_path: Path) -> None:
    folder = models.put(tmp_path, "add", models.add())
    assert describe(tmp_path, "add", "--write").returncode == 0
    edited(folder, batched=False)
    before = (folder / "manifest.json").read_bytes()
    refused = describe(tmp_path, "add", "--write")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert (folder / "manifest.json").read_bytes() == before
    assert describe(tmp_path, "add", "--write", "--force").returncode == 0
    written = json.loads((folder / "manifest.json").read_text())
    assert written["batched"] is False  # what was edited is what it says


def test_a_trained_model_is_described_by_its_own_manifest() -> None:
    done = describe(MODELS, "digits")
    assert json.loads(done.stdout) == json.loads(next(MODELS.glob("digits/*/manifest.json")).read_text())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("sequence", "ConcatFromSequence"),
        ("broken", "ONNX Runtime cannot open the model"),
        ("nothing", "no model is called 'nothing'; there are broken, sequence"),
        ("sequence/7", "has no version '7'; there are 1"),
        ("../sequence", "no model is called '..'"),
    ],
)
def test_what_cannot_be_served_is_told_with_what_helps(tmp_path: Path, model: str, sentence: str) -> None:
    models.put(tmp_path, "sequence", models.sequence())
    models.put(tmp_path, "broken", b"no graph")
    done = describe(tmp_path, model, "--write")
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("made", "said", "sentence"),
    [
        ("scaled", {"batched": True}, r"first axes of \['by'\] are not of any size"),
        ("total", {"batched": True}, "outputs do not have the rows"),
        ("add", {"labels": {"difference": ["a"]}}, "labels for difference"),
        ("add", {"inputs": [{"name": "a", "datatype": "FP32", "shape": [-1, 3]}]}, r"in the graph they are \['a', 'b'"),
        ("add", {"outputs": [{"name": "sum", "datatype": "FP32", "shape": [-1, 4]}]}, r"in the graph it is FP32"),
        ("add", {"outputs": [{"name": "sum", "datatype": "FP64", "shape": [-1, 3]}]}, r"in the graph it is FP32"),
        ("add", {"outputs": [{"name": "sum", "datatype": "FP32", "shape": [-2, 3]}]}, r"in the graph it is FP32"),
    ],
)
def test_a_manifest_of_another_graph_is_refused(tmp_path: Path, made: str, said: dict[str, Any], sentence: str) -> None:
    folder = models.put(tmp_path, made, getattr(models, made)())
    assert describe(tmp_path, made, "--write").returncode == 0
    edited(folder, **said)
    with pytest.raises(BundleError, match=sentence):
        open_version(folder, Settings(models=MODELS), TASKS)
