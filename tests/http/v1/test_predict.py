"""Every body that /v1/predict takes."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import DIGITS, MLP, Serve
from tests.pictures import broken, encoded, half_in_shadow, npy

Digits = NDArray[np.uint8]
KINDS = ["png", "jpeg", "webp", "bmp", "gif", "tiff"]


def post(client: httpx.Client, content: bytes, media_type: str, **parameters: str) -> httpx.Response:
    return client.post("/v1/predict", content=content, headers={"Content-Type": media_type}, params=parameters)


@pytest.mark.parametrize("digit", range(10))
def test_the_example_pictures_are_read(client: httpx.Client, digit: int) -> None:
    answer = post(client, Path(f"examples/{digit}.png").read_bytes(), "image/png")
    assert answer.status_code == 200
    assert answer.json()["digit"] == digit


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_format(client: httpx.Client, digits: Digits, kind: str) -> None:
    on_paper = Image.fromarray(255 - digits[5]).resize((140, 140), Image.Resampling.LANCZOS)
    answer = post(client, encoded(on_paper, kind), f"image/{kind}").json()
    assert answer["digit"] == 5
    assert answer["input"]["steps"] == ["invert", "crop", "fit", "centre"]


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
@pytest.mark.parametrize(("draw", "step"), [(broken, "bridge gaps"), (half_in_shadow, "enlarge")])
def test_where_imaging_is_unsure_the_model_chooses(
    client: httpx.Client, path: str, kind: str, draw: Callable[[int], Digits], step: str
) -> None:
    """On the event loop, and in a process."""
    headers = {"Content-Type": f"image/{kind}"}
    answers = [client.post(path, content=encoded(draw(digit), kind), headers=headers).json() for digit in (5, 8)]
    assert [answer["digit"] for answer in answers] == [5, 8]
    assert all(step in answer["input"]["steps"] for answer in answers)
    assert all(answer["input"]["verdict"] == "ok" for answer in answers)


@pytest.mark.parametrize("digit", range(10))
def test_a_frame_reads_the_same_in_every_form(client: httpx.Client, digits: Digits, digit: int) -> None:
    frame = digits[digit]
    bodies = {
        "application/octet-stream": frame.tobytes(),
        "image/png": encoded(frame),
        "application/x-npy": npy(frame),
        "application/json": json.dumps({"pixels": frame.tolist()}).encode(),
    }
    answers = [post(client, content, media_type).json() for media_type, content in bodies.items()]
    answers.append(post(client, json.dumps({"image": in_base64(frame)}).encode(), "application/json").json())
    answers.append(client.post("/v1/predict", files={"file": ("a.png", encoded(frame), "image/png")}).json())
    answers.append(client.post("/v1/predict", files={"file": frame.tobytes()}).json())
    assert {answer["digit"] for answer in answers} == {digit}
    assert all(answer["probabilities"] == answers[0]["probabilities"] for answer in answers)


def in_base64(frame: Digits) -> str:
    return base64.b64encode(encoded(frame)).decode()


def test_a_canvas_sends_a_data_url(client: httpx.Client, digits: Digits) -> None:
    body = json.dumps({"image": f"data:image/png;base64,{in_base64(digits[2])}"}).encode()
    assert post(client, body, "application/json").json()["digit"] == 2


def test_the_answer(client: httpx.Client, digits: Digits) -> None:
    answer = post(client, digits[4].tobytes(), "application/octet-stream").json()
    assert set(answer) == {"digit", "confidence", "decision", "probabilities", "energy", "model"}
    assert answer["confidence"] == max(answer["probabilities"]) == answer["probabilities"][4]
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["decision"] == "accept"
    assert answer["model"] == {"name": "digits", "version": DIGITS.name}


def test_what_the_model_saw(client: httpx.Client, digits: Digits) -> None:
    answer = post(client, encoded(digits[6]), "image/png", include="seen").json()
    seen = Image.open(io.BytesIO(base64.b64decode(answer["seen"])))
    assert answer["input"]["steps"] == ["untouched"]
    assert np.array_equal(np.asarray(seen), digits[6])


def test_another_model(client: httpx.Client, digits: Digits) -> None:
    answer = post(client, digits[1].tobytes(), "application/octet-stream", model="mlp-128-64", version=MLP.name).json()
    assert answer["model"] == {"name": "mlp-128-64", "version": MLP.name}
    assert answer["digit"] == 1


def test_every_answer_is_timed_and_named(client: httpx.Client, digits: Digits) -> None:
    answer = client.post(
        "/v1/predict", content=encoded(digits[1]), headers={"Content-Type": "image/png", "X-Request-ID": "mine-1"}
    )
    stages = re.findall(r"(\w+);(?:desc=\"batch 1\";)?dur=[\d.]+", answer.headers["Server-Timing"])
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert stages == ["read", "decode", "normalise", "queue", "infer", "encode", "total"]


def test_a_request_id_that_cannot_be_sent_back_is_replaced(client: httpx.Client) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": "a b"})
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]+", answer.headers["X-Request-ID"])


def test_a_deadline_that_is_kept(client: httpx.Client, digits: Digits) -> None:
    headers = {"Content-Type": "application/octet-stream", "X-Deadline-Ms": "10000"}
    assert client.post("/v1/predict", content=digits[0].tobytes(), headers=headers).status_code == 200


def test_with_keys_the_right_one_answers(serve: Serve, digits: Digits) -> None:
    keys = [{"key": "k" * 16}, {"key": "m" * 16, "rights": ["metrics"]}]
    with serve(api_keys=keys) as client:
        for headers in ({"Authorization": f"Bearer {'k' * 16}"}, {"X-API-Key": "k" * 16}):
            headers |= {"Content-Type": "application/octet-stream"}
            assert client.post("/v1/predict", content=digits[3].tobytes(), headers=headers).json()["digit"] == 3
        assert client.get("/metrics", headers={"X-API-Key": "m" * 16}).status_code == 200
        assert client.get("/health/ready").status_code == 200
