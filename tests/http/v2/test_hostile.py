"""What /v2 makes of requests that no client would send: refused with a reason, before they cost anything."""

import asyncio
import gzip
import json
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from app.http.v2 import codec
from app.inference.contract import Tensor
from app.inference.datatypes import BY_NAME
from app.serving.tensors import InferenceRequest, Output
from benchmarks.attack.foreign import all_models
from benchmarks.attack.named_tensors import LARGEST, attacks, frames, pictures, texts, zeros
from benchmarks.attack.request import Request
from benchmarks.attack.tensors import infer, json_of, tensor
from tests import models
from tests.conftest import serving
from tests.pictures import encoded

ONE = tensor("x", "FP32", [1, 1], data=[1])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """With a model too whose output is twice as large as its input."""
    with all_models() as folder:
        models.put(folder, "grown", models.grown())
        with serving(models=folder, max_run_bytes=48 * 1024 * 1024) as client:
            client.headers["Accept-Encoding"] = ""
            yield client


def sent(client: httpx.Client, request: Request) -> httpx.Response:
    return client.post(request.target, content=request.body, headers=request.headers)


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (json_of("doubled", "FP32", [0, LARGEST, LARGEST, LARGEST], b"[]"), 422, "no elements has other axes of up to"),
        (json_of("centred", "FP32", [LARGEST, 0], b"[]"), 422, "no elements has other axes of up to"),
        (json_of("doubled", "FP32", [60_000, 0], b"[]"), 422, "rows of nothing are not run"),
        (json_of("doubled", "FP32", [1] * 17, b"[1]"), 422, "a list of up to 16 whole"),
        (infer("doubled", b'{"inputs":[{"name":"x","shape":' + b"[" * 1010 + b"]" * 1010 + b"}]}"), 422, "whole"),
        (infer("doubled", b'{"inputs":[],"id":' + b"[" * 1010 + b"]" * 1010 + b"}"), 400, 'expected a text "id"'),
        (infer("doubled", {"inputs": [ONE] * 1025}), 400, "1,025 and 0 came"),
        (infer("doubled", {"inputs": [ONE], "outputs": [{"name": "y"}] * 1025}), 400, "1 and 1,025 came"),
        (infer("doubled", {"inputs": [ONE], "outputs": [{"name": "y"}] * 2}), 400, "an output is asked for twice"),
        (zeros([1, 65_537], classes=1), 422, "has 65,537 columns; of 65,536 the highest are found"),
        (zeros([10, 6000], classes=6000), 422, "at most 50,000 elements of BYTES; 60,000 came"),
        (texts(20_000, coding="gzip"), 422, "elements of BYTES; 20,000 came"),
        (texts(20_000), 200, ""),
        (zeros([1, 1_000_001], in_json=True), 413, "in JSON holds at most 1,000,000 elements"),
        (zeros([1, 18_000_000 // 4], "gzip"), 413, "unpacks to more than"),
        (zeros([16_385, 1]), 413, "a request holds at most 16,384 rows; 16,385 came"),
        (frames(16_385), 413, "a request holds at most 16,384 rows; 16,385 came"),
        (zeros([1, 20_000_000 // 4]), 200, ""),
        (infer("doubled", {"inputs": [ONE | {"shape": [1, 0], "data": []}]}), 422, "rows of nothing are not run"),
    ],
)  # fmt: skip
def test_what_is_refused(client: httpx.Client, request_: Request, status: int, words: str) -> None:
    answer = sent(client, request_)
    assert answer.status_code == status
    assert words in (answer.json()["error"] if words else answer.text[:0])


def test_no_attack_is_the_services_fault(client: httpx.Client) -> None:
    for name, make in attacks(b"no picture").items():
        request = make()
        if len(request.body) < 1_000_000:
            assert sent(client, request).status_code in {200, 400, 413, 422, 429}, name


def test_what_a_run_takes_is_bounded_and_others_run_afterwards(client: httpx.Client) -> None:
    answer = sent(client, zeros([1, 7_000_000], model="grown"))
    assert (answer.status_code, answer.json()["code"]) == (422, "not_runnable")
    assert "takes more memory than runs may" in answer.json()["error"]
    assert sent(client, zeros([1, 1], model="grown")).status_code == 200


def test_packed_pictures_have_the_budget_of_what_was_sent(client: httpx.Client, digits: np.ndarray) -> None:
    one = encoded(digits[3])
    assert sent(client, pictures(one, 200)).status_code == 200
    answer = sent(client, pictures(one, 200, "gzip"))
    assert (answer.status_code, answer.json()["code"]) == (422, "too_much_work")


def test_the_first_bad_picture_ends_a_request(client: httpx.Client, digits: np.ndarray) -> None:
    """None of those after it are looked at."""
    good, bad = encoded(np.kron(digits[3], np.ones((30, 30), np.uint8))), b"no picture"
    started = time.perf_counter()
    answer = sent(client, pictures(bad, 1))
    quick = time.perf_counter() - started
    data = b"".join(len(one).to_bytes(4, "little") + one for one in [bad, *[good] * 500])
    document = {"inputs": [tensor("image", "BYTES", [501], parameters={"binary_data_size": len(data)})]}
    started = time.perf_counter()
    assert sent(client, infer("digits", document, data)).json()["error"] == answer.json()["error"]
    assert time.perf_counter() - started < quick + 1


def test_fractions_that_are_none_are_found_in_any_slice(client: httpx.Client) -> None:
    for value in (float("nan"), 1.5, -0.5):
        values = np.zeros((600, 28, 28, 1), np.float32)
        values[599, 27, 27] = value
        data = values.tobytes()
        entry = tensor("image", "FP32", [600, 28, 28, 1], parameters={"binary_data_size": len(data)})
        answer = sent(client, infer("digits", {"inputs": [entry]}, data))
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_shape")


def test_classes_of_many_rows_are_those_of_each(client: httpx.Client) -> None:
    """They are ranked in several slices."""
    values = np.random.default_rng(0).random((3000, 40), np.float32)
    document = {
        "inputs": [tensor("x", "FP32", [3000, 40], parameters={"binary_data_size": values.nbytes})],
        "outputs": [{"name": "y", "parameters": {"classification": 2}}],
    }
    output = sent(client, infer("doubled", document, values.tobytes())).json()["outputs"][0]
    assert output["shape"] == [3000, 2]
    columns = [int(text.split(":")[1]) for text in output["data"]]
    assert columns == np.argsort(-values, axis=1)[:, :2].ravel().tolist()


def test_an_honest_packed_body_is_read(client: httpx.Client) -> None:
    document = {"inputs": [tensor("x", "FP32", [1, 2000], data=[0] * 2000)]}
    body = gzip.compress(json.dumps(document).encode())
    answer = client.post("/v2/models/doubled/infer", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200


def test_a_large_answer_is_written_in_many_turns_of_the_event_loop() -> None:
    async def turns() -> int:
        values, counted = np.arange(5_000_000, dtype=np.float32), 0
        asked = codec.Asked(None, InferenceRequest({}), {}, True)
        output = Output(Tensor("y", BY_NAME["FP32"], (-1,)), values)
        writing = asyncio.create_task(codec.write({"name": "m", "version": "1"}, asked, [output]))
        while not writing.done():
            counted += 1
            await asyncio.sleep(0)
        written = writing.result()
        assert written.header_bytes
        assert written.body[written.header_bytes :] == values.tobytes()
        return counted

    assert asyncio.run(turns()) > 8
