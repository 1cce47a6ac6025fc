"""/v1/explain and ?include=heatmap: what in the picture speaks for the answer."""

import base64
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.http.v1.answers import enlarged_png
from tests.conftest import Serve
from tests.pictures import encoded

SEVEN = Path("examples/7.png").read_bytes()


def post(client: httpx.Client, path: str, body: bytes = SEVEN) -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": "image/png"})


def picture(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_the_answer_is_the_same_as_predicts(client: httpx.Client) -> None:
    explained, predicted = (post(client, path).json() for path in ("/v1/explain", "/v1/predict"))
    for name in ("digit", "decision", "model", "input"):
        assert explained[name] == predicted[name]
    assert explained["probabilities"] == pytest.approx(predicted["probabilities"], abs=1e-3)


def test_the_heat_lies_on_the_ink(client: httpx.Client) -> None:
    answer = post(client, "/v1/explain").json()
    values = np.array(answer["explanation"]["values"])
    seen = np.asarray(picture(answer["seen"]))
    assert values.shape == seen.shape == (28, 28)
    assert values.max() > 0.5
    near_ink = np.asarray(Image.fromarray(seen).filter(ImageFilter.MaxFilter(9))) > 0
    assert not values[~near_ink].any()  # a patch of 5 pixels that covers no ink changes nothing


def test_the_runner_up_is_the_second_most_likely(client: httpx.Client) -> None:
    answer = post(client, "/v1/explain").json()
    second = np.argsort(answer["probabilities"])[-2]
    runner_up = answer["explanation"]["runner_up"]
    assert runner_up["digit"] == second
    assert runner_up["confidence"] == pytest.approx(answer["probabilities"][second])
    assert np.array(runner_up["values"]).shape == (28, 28)


def test_covering_what_speaks_for_it_makes_it_less_likely(client: httpx.Client) -> None:
    answer = post(client, "/v1/explain").json()
    values, seen = np.array(answer["explanation"]["values"]), np.array(picture(answer["seen"]))
    seen[values > np.quantile(values[seen > 0], 0.6)] = 0
    raw = {"Content-Type": "application/octet-stream"}
    covered = client.post("/v1/predict", content=seen.tobytes(), headers=raw).json()
    assert covered["probabilities"][7] < 0.9 * answer["probabilities"][7]


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/predict?include=heatmap"])
def test_the_heat_map_is_a_picture_over_what_was_seen(client: httpx.Client, path: str) -> None:
    heat = picture(post(client, path).json()["heatmap"])
    assert (heat.size, heat.mode) == ((280, 280), "RGB")
    assert len(heat.getcolors(280 * 280)) > 10


def test_it_is_one_batch(client: httpx.Client) -> None:
    timing = post(client, "/v1/explain").headers["Server-Timing"]
    assert "infer;" in timing


def test_a_batch_has_no_heat_maps(client: httpx.Client) -> None:
    answer = post(client, "/v1/predict/batch?include=heatmap")
    assert answer.status_code == 400
    assert "one image at a time" in answer.json()["detail"]


def test_it_counts_what_the_model_is_asked(serve: Serve) -> None:
    """A heat map is a hundred questions, and the rate is of questions."""
    with serve(rate_images_per_second=20) as client:
        assert post(client, "/v1/explain").status_code == 200
        refused = post(client, "/v1/predict")
        assert (refused.status_code, int(refused.headers["Retry-After"]) > 1) == (429, True)


def test_frames_can_be_explained(client: httpx.Client, digits: np.ndarray) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post("/v1/explain", content=digits[3].tobytes(), headers=headers).json()
    assert (answer["digit"], "input" in answer) == (3, False)


def test_an_explanation_is_charged_for(client: httpx.Client) -> None:
    """In a picture of a hundred bytes there is less to explain than that takes."""
    solid = np.zeros((40, 40), np.uint8)
    solid[4:36, 4:36] = 255
    body = encoded(Image.fromarray(solid).convert("1"))
    assert len(body) < 150
    headers = {"Content-Type": "image/png"}
    assert client.post("/v1/predict", content=body, headers=headers).status_code == 200
    for path in ("/v1/explain", "/v1/predict?include=heatmap"):
        answer = client.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_much_work")
        assert "covering the picture in" in answer.json()["detail"]


def test_an_enlarged_picture_is_the_same_in_squares() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    made = np.asarray(Image.open(io.BytesIO(base64.b64decode(enlarged_png(pixels, 10)))))
    assert np.array_equal(made, pixels.repeat(10, axis=0).repeat(10, axis=1))
