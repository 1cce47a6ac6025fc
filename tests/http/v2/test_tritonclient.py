"""Triton's own client, synchronous and not, in JSON and in bytes, packed and not: numbers are those of ONNX Runtime."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests import models
from tests.conftest import linked_models, serving

triton = pytest.importorskip("tritonclient.http")
aio = pytest.importorskip("tritonclient.http.aio")
A, B = (np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32) for seed in (0, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = linked_models(tmp_path_factory.mktemp("models"))
    models.put(made, "add", models.add())
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(models=folder) as client:
        yield str(client.base_url).removeprefix("http://").rstrip("/")


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    made = triton.InferenceServerClient(address, concurrency=4)
    yield made
    made.close()


@pytest.fixture(scope="module")
def expected(folder: Path) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(folder / "add" / "1" / "model.onnx")
    (found,) = session.run(None, {"a": A, "b": B})
    return np.asarray(found)


def inputs(*, binary: bool) -> list[Any]:
    made = []
    for name, values in (("a", A), ("b", B)):
        one = triton.InferInput(name, list(values.shape), "FP32")
        one.set_data_from_numpy(values, binary_data=binary)
        made.append(one)
    return made


both_forms = pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])
codings = pytest.mark.parametrize("coding", [None, "gzip", "deflate"])


@both_forms
@codings
def test_infer(client: Any, expected: NDArray[np.float32], binary: bool, coding: str | None) -> None:
    wanted = [triton.InferRequestedOutput("sum", binary_data=binary)]
    packed = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
    answer = client.infer("add", inputs(binary=binary), outputs=wanted, request_id="mine", **packed)
    assert np.array_equal(answer.as_numpy("sum"), expected)
    assert answer.get_response()["id"] == "mine"


def test_many_at_once(client: Any, expected: NDArray[np.float32]) -> None:
    waiting = [client.async_infer("add", inputs(binary=True)) for _ in range(40)]
    assert all(np.array_equal(one.get_result().as_numpy("sum"), expected) for one in waiting)


@both_forms
def test_asyncio(address: str, expected: NDArray[np.float32], binary: bool) -> None:
    async def ask() -> Any:
        async with aio.InferenceServerClient(address) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("add")
            return await client.infer("add", inputs(binary=binary))

    assert np.array_equal(asyncio.run(ask()).as_numpy("sum"), expected)


def test_classes(client: Any, digits: NDArray[np.uint8]) -> None:
    image = triton.InferInput("image", list(digits.shape), "UINT8")
    image.set_data_from_numpy(digits)
    wanted = [triton.InferRequestedOutput("probabilities", class_count=1)]
    answer = client.infer("digits", [image], outputs=wanted).as_numpy("probabilities")
    assert [one.decode().split(":")[2] for one in answer.ravel()] == [str(digit) for digit in range(10)]


def test_what_is_said_of_the_server_and_of_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("add", "1")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "digitserve"
    assert client.get_model_metadata("add")["inputs"][0]["datatype"] == "FP32"
    assert client.get_model_config("add")["max_batch_size"] == 64
    (before,) = client.get_inference_statistics("add")["model_stats"]
    client.infer("add", inputs(binary=True))
    for _ in range(50):
        time.sleep(0.02)
        (after,) = client.get_inference_statistics("add")["model_stats"]
        if after["inference_count"] > before["inference_count"]:
            break
    assert after["inference_count"] == before["inference_count"] + len(A)


def test_errors_say_what_is_wrong(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="no live model is called 'none'"):
        client.get_model_metadata("none")
    with pytest.raises(triton.InferenceServerException, match="the model takes the inputs `a`, `b`; got a"):
        client.infer("add", inputs(binary=True)[:1])
