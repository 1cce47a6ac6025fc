"""What /v2 says of the server and of its models, and which foreign models are served."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.config import Settings
from app.errors import BundleError
from app.serving.opening import open_version
from app.tasks.registry import TASKS
from tests import models
from tests.conftest import MODELS, Serve, linked_models, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = linked_models(tmp_path_factory.mktemp("models"))
    models.put(made, "add", models.add())
    models.put(made, "add", models.add(), "3")
    models.put(made, "centred", models.centred())
    models.put(made, "sequence", models.sequence())
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(models=folder) as client:
        yield client


def test_the_server(client: httpx.Client) -> None:
    for path in ("/v2", "/v2/"):
        answer = client.get(path).json()
        assert answer["name"] == "digitserve"
        assert "binary_tensor_data" in answer["extensions"]
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200


def test_what_a_model_takes_and_gives(client: httpx.Client) -> None:
    for path, versions in (("/v2/models/add", ["3", "1"]), ("/v2/models/add/versions/1", ["3", "1"])):
        answer = client.get(path).json()
        assert answer["versions"] == versions
        assert answer["inputs"] == [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in "ab"]
        assert answer["outputs"] == [{"name": "sum", "datatype": "FP32", "shape": [-1, 3]}]
    assert client.get("/v2/models/digits").json()["inputs"][0]["datatype"] == "UINT8"


def test_readiness(client: httpx.Client) -> None:
    paths = {
        "/v2/models/add/ready": 200,
        "/v2/models/add/versions/3/ready": 200,
        "/v2/models/add/versions/2/ready": 404,
    }
    assert {path: client.get(path).status_code for path in paths} == paths


def test_the_configuration_says_whether_rows_are_run_together(client: httpx.Client) -> None:
    batched = client.get("/v2/models/add/config").json()
    assert (batched["max_batch_size"], batched["input"][0]["dims"]) == (64, [3])
    alone = client.get("/v2/models/centred/config").json()
    assert (alone["max_batch_size"], alone["input"][0]["dims"]) == (0, [-1, 2])


def test_statistics_advance(serve: Serve, folder: Path) -> None:
    values = np.ones((2, 3), np.float32)
    inputs = [{"name": name, "shape": [2, 3], "datatype": "FP32", "data": values.tolist()} for name in "ab"]
    with serve(models=folder) as client:
        for _ in range(3):
            answer = client.post("/v2/models/add/infer", json={"inputs": inputs})
            assert answer.status_code == 200
            assert "decode;dur=" in answer.headers["server-timing"]  # the body's tensors are input that is computed
        assert client.post("/v2/models/add/infer", json={"inputs": inputs[:1]}).status_code == 400
        time.sleep(0.2)
        (newest, _) = client.get("/v2/models/add/stats").json()["model_stats"]
        everything = client.get("/v2/models/stats").json()["model_stats"]
    assert (newest["version"], newest["inference_count"], newest["execution_count"]) == ("3", 6, 3)
    success, failed = (newest["inference_stats"][name] for name in ("success", "fail"))
    assert (success["count"], failed["count"]) == (3, 1)
    parts = [
        newest["inference_stats"][name]["ns"] for name in ("queue", "compute_input", "compute_infer", "compute_output")
    ]
    assert 0 < sum(parts) <= success["ns"] * 1.001
    assert [(one["batch_size"], one["compute_infer"]["count"]) for one in newest["batch_stats"]] == [(2, 3)]
    assert {one["name"] for one in everything} >= {"add", "centred", "digits"}


def test_what_cannot_be_served_is_left_out_and_the_others_serve(client: httpx.Client) -> None:
    assert client.get("/v2/models/sequence").status_code == 404


def opened(folder: Path) -> bool:
    """Whether its rows are run together."""
    return open_version(folder, Settings(models=MODELS), TASKS).runner.batched


@pytest.mark.parametrize(("made", "batched"), [("add", True), ("doubled", True), ("centred", False), ("scaled", False)])
def test_batching_is_found_by_trying(tmp_path: Path, made: str, batched: bool) -> None:
    assert opened(models.put(tmp_path, made, getattr(models, made)())) == batched


def test_the_manifest_has_the_last_word(tmp_path: Path) -> None:
    folder = models.put(tmp_path, "add", models.add())
    found = open_version(folder, Settings(models=MODELS), TASKS).manifest
    (folder / "manifest.json").write_text(found.model_copy(update={"batched": False}).model_dump_json())
    assert not opened(folder)


def test_the_reason_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"`y` is a seq.*ConcatFromSequence"):
        opened(models.put(tmp_path, "sequence", models.sequence()))


def test_models_that_are_no_digit_models_are_listed_on_v1(client: httpx.Client) -> None:
    listed = {(one["name"], one["version"]): one["task"] for one in client.get("/v1/models").json()["models"]}
    assert listed["add", "3"] == "tensors"
    card = client.get("/v1/models/add").json()
    assert (card["name"], card["task"]) == ("add", "tensors")
