"""Bodies whose Content-Type says nothing are what their first bytes say; raw pixels stay pixels."""

import io
import zipfile

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.http.v1 import bodies
from app.http.v1.media_types import RAW, recognised
from app.imaging.decode import FORMATS
from app.tasks.digits import strokes
from tests.pictures import encoded, npy

FRAME = strokes.render(7)
PAPER = Image.fromarray(255 - np.kron(FRAME, np.ones((5, 5), np.uint8)))
UNTYPED = [None, "application/octet-stream", "application/x-www-form-urlencoded", "Application/Octet-Stream; x=1"]


def post(client: httpx.Client, content: bytes, media_type: str | None, path: str = "/v1/predict") -> httpx.Response:
    return client.post(path, content=content, headers={"Content-Type": media_type} if media_type else {})


@pytest.mark.parametrize("media_type", UNTYPED)
@pytest.mark.parametrize("said", FORMATS)
def test_an_image_is_known_by_its_first_bytes(client: httpx.Client, said: str, media_type: str | None) -> None:
    content = encoded(PAPER, FORMATS[said])
    untyped, typed = post(client, content, media_type), post(client, content, said)
    assert untyped.status_code == 200, untyped.text
    assert untyped.json() == typed.json()
    assert untyped.json()["digit"] == 7


@pytest.mark.parametrize("kind", ["GIF", "PNG", "JPEG"])
def test_an_image_of_as_many_bytes_as_a_frame_is_no_frame(client: httpx.Client, kind: str) -> None:
    content = encoded(PAPER, kind, quality=10)
    content += bytes(-len(content) % 784)  # what comes after an image's end is nobody's
    posted = [post(client, content, "application/octet-stream")]
    posted.append(client.post("/v1/predict", files={"image": ("a", content, "application/octet-stream")}))
    assert [answer.json()["digit"] for answer in posted] == [7, 7]
    assert all(answer.json()["input"]["steps"] for answer in posted)


@pytest.mark.parametrize("media_type", UNTYPED[:3])
@pytest.mark.parametrize("pack", ["npy", "zip"])
def test_batches_are_known_too(client: httpx.Client, pack: str, media_type: str | None) -> None:
    content = npy(np.stack([FRAME] * 3)) if pack == "npy" else zipped(encoded(PAPER), npy(FRAME), encoded(PAPER, "GIF"))
    answer = post(client, content, media_type, "/v1/predict/batch")
    assert [each["digit"] for each in answer.json()["predictions"]] == [7, 7, 7]


def zipped(*files: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, content in enumerate(files):
            file.writestr(f"{number}", content)
    return archive.getvalue()


def test_pixels_stay_pixels() -> None:
    """Whatever shades they have: noise, and each shade in the corner."""
    noise = np.random.default_rng(1).integers(0, 256, (20_000, 784), np.uint8)
    noise[:256, 0] = np.arange(256)
    assert not any(recognised(frame.tobytes()) for frame in noise)
    frames: NDArray[np.uint8] = noise[:256]
    limits = bodies.BatchLimits(1000, 1, 1)
    assert np.array_equal(bodies.plain_batch(RAW, frames.tobytes(), limits), frames.reshape(-1, 28, 28))


@pytest.mark.parametrize("content", [b"", b"B", b"\xff\xd8\xff", b"BM", b"RIFF", b"plain text", bytes(783)])
def test_what_is_nothing_known_is_refused(client: httpx.Client, content: bytes) -> None:
    assert post(client, content, None).status_code == 415
    assert "first bytes" in post(client, content, None).json()["detail"]
    assert post(client, content, "application/octet-stream").status_code in {400, 422}


def test_what_is_said_of_a_body_binds(client: httpx.Client) -> None:
    assert post(client, encoded(PAPER, "GIF"), "image/png").json()["code"] == "undecodable"


@pytest.mark.parametrize("field", ["image", "images", "file", "files"])
def test_a_form_calls_it_an_image_or_as_it_was_called(client: httpx.Client, field: str) -> None:
    file = (field, ("7.png", encoded(PAPER), "image/png"))
    assert client.post("/v1/predict", files=[file]).json()["digit"] == 7
    batch = client.post("/v1/predict/batch", files=[file, file]).json()["predictions"]
    assert [(each["digit"], each["name"]) for each in batch] == [(7, "7.png"), (7, "7.png")]
