"""The fake service answers as the real one: by the same document, and through both clients."""

import asyncio
from pathlib import Path
from typing import Any

import digitserve_client as api
import httpx
import jsonschema
import numpy as np
import pytest
from digitserve_client import AsyncClient, Client
from digitserve_client.images import RAW
from digitserve_client.testing import FakeService

FRAME = np.full((28, 28), 3, np.uint8)
PNG = b"\x89PNG\r\n\x1a\n"
NPY_LENGTH = 3


def first_byte(content: bytes) -> int:
    return content[0] % 10


def test_every_call_is_answered(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    with Client(transport=FakeService(first_byte)) as client:
        client.wait_ready()
        assert client.ready()
        assert client.predict(FRAME, include_seen=True).seen
        assert [one.digit for one in client.predict_many([FRAME, FRAME + 4]) if isinstance(one, api.Prediction)] == [
            3,
            7,
        ]
        frame, file = client.predict_batch([FRAME, tmp_path / "a.png"])
        assert isinstance(file, api.Prediction)
        assert (frame.name, file.name, file.digit) == (None, "a.png", PNG[0] % 10)
        assert client.probabilities(np.stack([FRAME] * NPY_LENGTH)).argmax(axis=1).tolist() == [3] * NPY_LENGTH
        assert client.explain(FRAME).runner_up.digit == 4
        assert [number.text for number in client.read(FRAME)] == ["3"]
        assert [model.name for model in client.models()] == ["fake"]
        assert client.limits() == api.Limits()


def test_asyncio_is_answered_too() -> None:
    async def main() -> list[Any]:
        async with AsyncClient(transport=FakeService(limits=api.Limits(batch_images=2))) as client:
            return [one.digit async for one in client.predict_many([FRAME] * 5)]

    assert asyncio.run(main()) == [7] * 5


def test_failures_are_made_to_order() -> None:
    service = FakeService()
    with Client(transport=service, retries=1) as client:
        service.fail(503, retry_after=0.01)
        assert client.predict(FRAME).digit == 7
        service.fail(429, "queue_full", times=2)
        with pytest.raises(api.TooBusy, match="queue_full"):
            client.predict(FRAME)
    assert [one.url.path for one in service.requests] == ["/v1/predict"] * 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/limits", {}),
        ("POST", "/v1/predict", {"content": FRAME.tobytes()}),
        ("POST", "/v1/predict?include=seen", {"content": PNG}),
        (
            "POST",
            "/v1/predict/batch",
            {"content": FRAME.tobytes() * 2, "headers": {"Content-Type": RAW}},
        ),
        ("POST", "/v1/predict/batch", {"files": [("files", ("a.png", PNG, "image/png"))]}),
        ("POST", "/v1/explain", {"content": FRAME.tobytes()}),
        ("POST", "/v1/read", {"content": PNG}),
    ],
)
def test_answers_are_as_the_services_document_says(client: httpx.Client, method: str, path: str, body: Any) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"][path.partition("?")[0]][method.lower()]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    with httpx.Client(transport=FakeService(), base_url="http://fake") as fake:
        answer = fake.request(method, path, **body)
    jsonschema.validate(
        answer.json(), {**schema, "components": document["components"]}, jsonschema.Draft202012Validator
    )
