"""POST /v2/repository: who may change what is served, and how it is said; what then happens is `serving/control`'s."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import models
from tests.conftest import SERVED, Serve, linked_models, serving

INDEX, LOAD, UNLOAD = (f"/v2/repository/{path}" for path in ("index", "models/add/load", "models/add/unload"))
LOADER, READER = "may-load-models-00", "may-not-load-any-0"
KEYS = ({"key": LOADER, "rights": ["repository"]}, {"key": READER})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = linked_models(tmp_path_factory.mktemp("models"))
    models.put(made, "add", models.add())
    models.put(made, "sequence", models.sequence())
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(models=folder, model_control=True) as client:
        yield client


def test_loading_and_unloading(client: httpx.Client) -> None:
    for path, ready in ((UNLOAD, 404), (LOAD, 200), (LOAD, 200)):
        answer = client.post(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert client.get("/v2/models/add/ready").status_code == ready
    assert "model_repository" in client.get("/v2").json()["extensions"]


def test_the_index(client: httpx.Client) -> None:
    entries = {(one["name"], one["version"]): one for one in client.post(INDEX).json()}
    assert set(entries) == {
        ("digits", "3"),
        ("mlp-128-64", "1"),
        ("numbers", SERVED["numbers"]),
        ("add", "1"),
        ("sequence", "1"),
    }
    refused = entries["sequence", "1"]
    assert refused.keys() == {"name", "version", "state", "reason"}
    assert refused["state"] == "UNAVAILABLE"
    assert "sequence" in refused["reason"]
    ready = client.post(INDEX, json={"ready": True}).json()
    assert {(one["name"], one["state"], one["reason"]) for one in ready} == {
        (name, "READY", "") for name in ("add", "digits", "mlp-128-64", "numbers")
    }


def test_what_cannot_be_loaded_or_unloaded(client: httpx.Client) -> None:
    for path, status, code in (
        ("sequence/load", 422, "model_refused"),
        ("none/load", 404, "model_not_found"),
        ("../load", 404, "not_found"),
        ("none/unload", 404, "model_not_found"),
        ("digits/unload", 409, "default_model_stays"),
    ):
        answer = client.post(f"/v2/repository/models/{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"parameters": {"config": "{}"}}, 400),
        ({"parameters": {"file:1/model.onnx": "AAAA"}}, 400),
        ({"parameters": []}, 200),
        ({"parameters": 7}, 400),
        ({"parameters": {"unload_dependents": True}}, 200),
        ([], 400),
        (b"{", 400),
        (b"[" * 60_000, 400),
        (b" " * (1 << 17), 413),
    ],
)
def test_bodies(client: httpx.Client, sent: Any, status: int) -> None:
    body = {"content": sent} if isinstance(sent, bytes) else {"json": sent}
    answer = client.post(LOAD, **body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.json()["error"]


def test_an_index_of_what_is_no_flag(client: httpx.Client) -> None:
    assert client.post(INDEX, json={"ready": "yes"}).status_code == 400


def test_without_keys_only_the_index_is_answered_unless_the_setting_says_more(serve: Serve, folder: Path) -> None:
    with serve(models=folder) as client:
        assert client.post(INDEX).status_code == 200
        for path in (LOAD, UNLOAD):
            answer = client.post(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "model_control_off")
            assert "--model-control" in answer.json()["error"]


def test_no_website_loads_a_model(client: httpx.Client) -> None:
    for path in (INDEX, LOAD, UNLOAD):
        assert client.post(path, headers={"Origin": "https://elsewhere.example"}).json()["code"] == "cross_site"


def test_with_keys_it_takes_the_right(serve: Serve, folder: Path) -> None:
    with serve(models=folder, api_keys=KEYS) as client:
        for path in (INDEX, LOAD, UNLOAD):
            statuses = [client.post(path, headers={"X-API-Key": key}).status_code for key in (READER, LOADER)]
            assert statuses == [403, 200]
