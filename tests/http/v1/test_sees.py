"""/v1/explain?include=stages,layers: the way from the picture to the frame, and on through the network."""

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import insides
from tests.conftest import DIGITS, Serve, linked_models
from tests.pictures import encoded

SEVEN = Path("examples/7.png").read_bytes()
RAW = {"Content-Type": "application/octet-stream"}
PNG = {"Content-Type": "image/png"}


def explained(client: httpx.Client, query: str, body: bytes = SEVEN, headers: dict[str, str] = PNG) -> httpx.Response:
    return client.post(f"/v1/explain?{query}", content=body, headers=headers)


def pixels(text: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def maps_of(layer: dict[str, Any]) -> NDArray[np.float64]:
    """The values, from their bytes."""
    shades = np.frombuffer(base64.b64decode(layer["maps"]), np.uint8)
    shades = shades.reshape(layer["count"], layer["height"], layer["width"])
    return layer["low"] + shades / 255 * (layer["high"] - layer["low"])


def test_the_way_begins_with_the_picture_and_ends_with_the_frame(client: httpx.Client) -> None:
    answer = explained(client, "include=stages").json()
    stages = {stage["name"]: stage["picture"] for stage in answer["stages"]}
    names = list(stages)
    assert (names[0], names[-1]) == ("decoding the picture", "centring the digit")
    assert names.index("telling ink from paper") < names.index("cutting the digit out")
    assert np.array_equal(pixels(stages["centring the digit"]), pixels(answer["seen"]))
    whole = np.asarray(Image.open(io.BytesIO(SEVEN)).convert("L").resize((160, 160)))
    assert np.abs(pixels(stages["decoding the picture"]).astype(int) - whole).mean() < 2
    assert stages["looking for printed lines"] is None  # it found none


def test_looking_changes_nothing(client: httpx.Client) -> None:
    looked, plain = explained(client, "include=stages,layers").json(), explained(client, "").json()
    assert {name: looked[name] for name in plain} == plain


def test_printed_lines_are_seen_where_they_are_found(client: httpx.Client) -> None:
    paper = np.asarray(Image.open(io.BytesIO(SEVEN)).convert("L")).copy()
    paper[200:203] = 60
    body = encoded(paper)
    stages = {stage["name"]: stage["picture"] for stage in explained(client, "include=stages", body).json()["stages"]}
    found, removed = (pixels(stages[name]) for name in ("looking for printed lines", "taking printed lines out"))
    assert found.ndim == 3
    row = round(201 * 160 / 280)
    assert np.allclose(found[row, :20], (255, 90, 90), atol=40)
    assert removed[row, :20].max() == 0


def test_pixels_have_no_way_behind_them(client: httpx.Client, digits: NDArray[np.uint8]) -> None:
    answer = explained(client, "include=stages", digits[3].tobytes(), RAW).json()
    assert answer["stages"] == []


def test_each_layer_is_shown(client: httpx.Client, digits: NDArray[np.uint8]) -> None:
    layers = explained(client, "include=layers", digits[3].tobytes(), RAW).json()["layers"]
    shapes = [layer["shape"] for layer in layers if layer["operator"] == "Conv"]
    assert shapes == [[12, 14, 14], [24, 14, 14], [48, 7, 7], [48, 7, 7], [72, 4, 4]]
    frame = maps_of(layers[0])
    assert frame == pytest.approx(digits[3][None] / 255, abs=0.01)
    assert all(
        (layer["count"], layer["height"]) == (min(64, layer["shape"][0]), layer["shape"][1]) for layer in layers[1:6]
    )


def test_the_last_layer_leads_to_the_answer(client: httpx.Client, digits: NDArray[np.uint8]) -> None:
    answer = explained(client, "include=layers", digits[8].tobytes(), RAW).json()
    tempered = next(layer for layer in answer["layers"] if layer["name"] == "tempered")
    scores = np.exp(maps_of(tempered).ravel())
    assert scores / scores.sum() == pytest.approx(answer["probabilities"], abs=0.05)


def test_other_networks_are_shown(client: httpx.Client, digits: NDArray[np.uint8]) -> None:
    layers = explained(client, "include=layers&model=mlp-128-64", digits[3].tobytes(), RAW).json()["layers"]
    assert [layer["shape"] for layer in layers] == [[28, 28], [128], [64], [10], [10]]


def test_only_an_explanation_is_so_large(client: httpx.Client) -> None:
    for path in ("/v1/predict", "/v1/predict/batch", "/v1/read"):
        refused = client.post(f"{path}?include=layers", content=SEVEN, headers=PNG)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
        assert "/v1/explain" in refused.json()["detail"] or path == "/v1/read"


def test_a_model_that_reads_no_digits_is_refused(client: httpx.Client) -> None:
    refused = explained(client, "include=layers&model=numbers")
    assert (refused.status_code, refused.json()["code"]) == (400, "wrong_task")


def test_a_huge_model_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insides, "MOST_BYTES", 100_000)
    with serve() as small:
        refused = explained(small, "include=layers")
        assert (refused.status_code, refused.json()["code"]) == (400, "not_shown")
        assert "those of up to 100,000 are shown" in refused.json()["detail"]
        assert explained(small, "include=stages").status_code == 200


def test_what_is_not_live_any_more_is_not_shown(serve: Serve, tmp_path: Path) -> None:
    models = linked_models(tmp_path)
    (models / "digits").unlink()
    folder = models / "digits" / DIGITS.name
    shutil.copytree(DIGITS, folder)
    with serve(models=models) as client:
        (folder / "model.onnx").write_bytes((models / "mlp-128-64" / "1" / "model.onnx").read_bytes())
        refused = explained(client, "include=layers")
        assert (refused.status_code, refused.json()["code"]) == (400, "not_shown")
        assert "SHA-256" in refused.json()["detail"]


@pytest.mark.parametrize(("include", "work"), [("stages", "would take about"), ("layers", "looking into")])
def test_it_is_charged_for(client: httpx.Client, include: str, work: str) -> None:
    """In a picture of a hundred bytes there is less to see than that takes."""
    solid = np.zeros((40, 40), np.uint8)
    solid[4:36, 4:36] = 255
    body = encoded(Image.fromarray(solid).convert("1"))
    assert len(body) < 150
    refused = explained(client, f"include={include}", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "too_much_work")
    assert work in refused.json()["detail"]


def test_a_passed_deadline_is_said(client: httpx.Client) -> None:
    late = client.post("/v1/explain?include=layers", content=SEVEN, headers=PNG | {"X-Deadline-Ms": "0.01"})
    assert late.status_code == 504
