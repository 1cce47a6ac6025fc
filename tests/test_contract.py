"""The SDK against a live service: what it sends is understood, and what it gets is what it promises."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_client import AsyncClient, Client, ItemError, Prediction
from digitserve_client import errors as refused
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes
from tests.conftest import MLP, Serve
from tests.pictures import encoded

Digits = NDArray[np.uint8]
Call = Callable[..., Any]


def synchronous(address: str, method: str, *args: Any, **options: Any) -> Any:
    with Client(address) as client:
        return getattr(client, method)(*args, **options)


def asynchronous(address: str, method: str, *args: Any, **options: Any) -> Any:
    async def call() -> Any:
        async with AsyncClient(address) as client:
            return await getattr(client, method)(*args, **options)

    return asyncio.run(call())


@pytest.fixture(params=[synchronous, asynchronous])
def call(request: pytest.FixtureRequest, service: str) -> Call:
    """Both clients, one suite."""
    return lambda method, *args, **options: request.param(service, method, *args, **options)


def test_every_kind_of_image(call: Call, digits: Digits) -> None:
    path = Path("examples/7.png")
    on_paper = 255 - np.kron(digits[7], np.ones((5, 5), np.uint8))
    images = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), digits[7], on_paper, Image.open(path)]
    answers = [call("predict", image) for image in images]
    assert [answer.digit for answer in answers] == [7] * len(images)
    assert [one.digit for one in call("predict_batch", [*images[:3], *images[4:]])] == [7] * (len(images) - 1)


def test_the_result(call: Call, digits: Digits) -> None:
    answer = call("predict", digits[3], include_seen=True)
    assert isinstance(answer, Prediction)
    assert (answer.digit, answer.decision, answer.model.name) == (3, "accept", "digits")
    assert answer.request_id
    assert {"queue", "infer", "total"} <= set(answer.server_timing)


def test_a_picture_with_something_wrong(call: Call) -> None:
    right = call("predict", encoded(np.pad(255 - strokes.render(5, size=140), 40, constant_values=255)))
    assert (right.digit, right.input.verdict, right.input.advice) == (5, "ok", "")
    cut = call(
        "predict", encoded(np.pad(255 - strokes.render(8, size=140)[:70], ((0, 0), (90, 0)), constant_values=255))
    )
    assert cut.input.verdict == "clipped"
    assert "border" in cut.input.advice


def test_whole_numbers(call: Call) -> None:
    row = np.hstack([255 - strokes.render(int(digit), size=120) for digit in "2026"])
    (number,) = call("read", np.pad(row, 30, constant_values=255))
    assert (number.text, number.model.name) == ("2026", "digits")
    assert [one.digit for one in number.digits] == [2, 0, 2, 6]
    left, top, width, height = number.box
    assert 30 <= left < left + width <= row.shape[1] + 30
    assert 30 <= top < top + height <= 150
    assert all(text != "2026" and confidence < number.confidence for text, confidence in number.alternatives)
    assert number.line == 0
    assert number.request_id
    assert "infer" in number.server_timing


def test_why(call: Call, digits: Digits) -> None:
    why = call("explain", digits[7])
    assert (why.prediction.digit, why.evidence.digit) == (7, 7)
    assert why.evidence.confidence == why.prediction.confidence
    assert why.runner_up.confidence == sorted(why.prediction.probabilities)[-2]
    assert why.prediction.probabilities[why.runner_up.digit] == why.runner_up.confidence
    for one in (why.evidence, why.runner_up):
        assert np.shape(one.values) == (28, 28)
        assert np.asarray(Image.open(io.BytesIO(one.heatmap))).shape == (280, 280, 3)
    assert np.asarray(Image.open(io.BytesIO(why.prediction.seen))).tolist() == digits[7].tolist()


def test_a_batch_of_frames(call: Call, digits: Digits) -> None:
    many = np.concatenate([digits] * 50)
    assert [one.digit for one in call("predict_batch", many)] == list(range(10)) * 50


def test_an_item_that_fails(call: Call, digits: Digits) -> None:
    good, bad = call("predict_batch", [encoded(digits[1]), b"no image"])
    assert good.digit == 1
    assert isinstance(bad, ItemError)
    assert bad.code == "undecodable"


def test_another_model(call: Call, digits: Digits) -> None:
    assert call("predict", digits[2], model="mlp-128-64", version=MLP.name).model.name == "mlp-128-64"
    assert {model.name for model in call("models")} == {"digits", "mlp-128-64", "numbers"}
    assert call("ready") is True


@pytest.mark.parametrize(
    ("image", "options", "error", "code"),
    [
        (b"text", {}, refused.Undecodable, "wrong_shape"),
        (b"\x89PNG\r\n\x1a\n", {}, refused.Undecodable, "undecodable"),
        (np.zeros((28, 28), np.uint8), {}, refused.Undecodable, "no_ink"),
        (np.ones((28, 28), np.uint8), {"model": "none"}, refused.NotFound, "model_not_found"),
    ],
)
def test_errors_are_the_services(
    call: Call, image: Any, options: dict[str, str], error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as caught:
        call("predict", image, **options)
    assert isinstance(caught.value, refused.ServiceError)
    assert caught.value.code == code
    assert caught.value.request_id


def test_a_key(serve: Serve, digits: Digits) -> None:
    with serve(api_keys=[{"key": "a-key-for-the-sdk"}]) as http:
        address = str(http.base_url)
        with Client(address, api_key="a-key-for-the-sdk") as client:
            assert client.predict(digits[5]).digit == 5
        with Client(address) as client, pytest.raises(refused.Unauthorized):
            client.predict(digits[5])


def test_a_rate_is_waited_out(serve: Serve, digits: Digits) -> None:
    with serve(rate_images_per_second=20) as http, Client(str(http.base_url)) as client:
        client.predict_batch(np.concatenate([digits] * 4))  # twenty in debt
        assert client.predict(digits[6]).digit == 6  # refused, told when to come again, and then answered
