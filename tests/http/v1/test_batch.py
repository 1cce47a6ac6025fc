"""Every body that /v1/predict/batch takes, and every form of its answer."""

import base64
import io
import json
import struct
import zipfile
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import DIGITS, Process, Serve
from tests.pictures import broken, encoded, half_in_shadow, npy

Digits = NDArray[np.uint8]
BATCH = "/v1/predict/batch"
RAW = {"Content-Type": "application/octet-stream"}


def digits_read(answer: httpx.Response) -> list[int | None]:
    assert answer.status_code == 200, answer.text
    return [one.get("digit") for one in answer.json()["predictions"]]


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_every_body(client: httpx.Client, digits: Digits) -> None:
    pictures = [encoded(frame) for frame in digits]
    images = [base64.b64encode(picture).decode() for picture in pictures]
    archive = zipped({f"{place}.png": picture for place, picture in enumerate(pictures)})
    answers = [
        client.post(BATCH, content=digits.tobytes(), headers=RAW),
        client.post(BATCH, content=npy(digits), headers={"Content-Type": "application/x-npy"}),
        client.post(BATCH, json={"images": images}),
        client.post(BATCH, json={"pixels": digits.tolist()}),
        client.post(BATCH, files=[("files", (f"{place}.png", one)) for place, one in enumerate(pictures)]),
        client.post(BATCH, content=archive, headers={"Content-Type": "application/zip"}),
    ]
    assert [digits_read(answer) for answer in answers] == [list(range(10))] * len(answers)


def test_the_answer(client: httpx.Client, digits: Digits) -> None:
    answer = client.post(BATCH, files=[("files", ("seven.png", encoded(digits[7])))]).json()
    (one,) = answer.pop("predictions")
    assert answer == {"count": 1, "failed": 0, "model": {"name": "digits", "version": DIGITS.name}}
    assert set(one) == {"digit", "confidence", "decision", "probabilities", "energy", "input", "name"}
    assert one["name"] == "seven.png"


def test_an_error_in_one_item_is_its_own(client: httpx.Client, digits: Digits) -> None:
    good = encoded(digits[3])
    blank, cut, text = encoded(np.zeros((28, 28), np.uint8)), good[: len(good) // 2], b"not an image"
    files = [("files", (f"{place}.png", one)) for place, one in enumerate([good, cut, text, blank, b"", good])]
    answer = client.post(BATCH, files=files)
    codes = [one["error"]["code"] for one in answer.json()["predictions"] if "error" in one]
    assert digits_read(answer) == [3, None, None, None, None, 3]
    assert codes == ["undecodable", "undecodable", "no_ink", "malformed"]
    assert answer.json()["failed"] == 4
    assert [one["name"] for one in answer.json()["predictions"]] == [f"{place}.png" for place in range(6)]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ([[1]], "wrong_shape"),
        ([[-1] * 28] * 28, "undecodable"),
        ([["a"] * 28] * 28, "undecodable"),
        (None, "wrong_shape"),
        ([[0] * 28] * 28, "no_ink"),
    ],
)
def test_an_item_of_pixels_that_is_wrong(client: httpx.Client, digits: Digits, bad: object, code: str) -> None:
    answer = client.post(BATCH, json={"pixels": [digits[1].tolist(), bad, digits[2].tolist()]})
    assert digits_read(answer) == [1, None, 2]
    assert answer.json()["predictions"][1]["error"]["code"] == code


def test_a_base64_item_that_is_wrong(client: httpx.Client, digits: Digits) -> None:
    good = base64.b64encode(encoded(digits[8])).decode()
    answer = client.post(BATCH, json={"images": ["%%%", good, 7]})
    assert digits_read(answer) == [None, 8, None]


def test_probabilities_alone(client: httpx.Client, digits: Digits) -> None:
    with_blank = np.concatenate([digits, np.zeros((1, 28, 28), np.uint8)])
    answer = client.post(BATCH, content=with_blank.tobytes(), headers=RAW | {"Accept": "application/x-npy"})
    rows = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert answer.headers["Content-Type"] == "application/x-npy"
    assert rows.dtype == np.float32
    assert rows[:10].argmax(axis=1).tolist() == list(range(10))
    assert np.isnan(rows[10]).all()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_where_imaging_is_unsure_the_model_chooses(client: httpx.Client, digits: Digits, accept: str) -> None:
    made = [255 - digits[3], broken(5), np.zeros((28, 28), np.uint8), half_in_shadow(9), broken(8), digits[7]]
    pictures = zipped({f"{place}.png": encoded(picture) for place, picture in enumerate(made)})
    headers = {"Content-Type": "application/zip", "Accept": accept}
    answer = client.post(f"{BATCH}?include=seen", content=pictures, headers=headers)
    lines = answer.json()["predictions"] if accept == "application/json" else map(json.loads, answer.iter_lines())
    assert [line.get("digit") for line in lines] == [3, 5, None, 9, 8, 7]


def test_a_stream_of_lines(client: httpx.Client, digits: Digits) -> None:
    many = np.concatenate([digits] * 130)  # more than leave together
    many[700] = 0
    answer = client.post(BATCH, content=many.tobytes(), headers=RAW | {"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.content.splitlines()]
    expected = [place % 10 if place != 700 else None for place in range(1300)]
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert [line.get("digit") for line in lines] == expected
    assert lines[700]["error"]["code"] == "no_ink"


def test_an_archive_with_folders_and_litter(client: httpx.Client, digits: Digits) -> None:
    files = {"a/": b"", "a/1.png": encoded(digits[1]), "__MACOSX/a/._1.png": b"x", "a/.DS_Store": b"x", "b.txt": b"x"}
    answer = client.post(BATCH, content=zipped(files), headers={"Content-Type": "application/zip"})
    assert [(one["name"], one.get("digit")) for one in answer.json()["predictions"]] == [
        ("a/1.png", 1),
        ("b.txt", None),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_lies_about_its_size(process: Callable[..., Process], method: int) -> None:
    """400 MB of nothing, said to be 10 bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.png", bytes(400_000_000))
    lie = file.getvalue().replace(struct.pack("<I", 400_000_000), struct.pack("<I", 10))
    running = process()
    running.wait_until_ready()
    with running.peak_growth() as grown:
        answer = httpx.post(f"{running.url}{BATCH}", content=lie, headers={"Content-Type": "application/zip"})
        assert digits_read(answer) == [None]
        assert grown() < 20e6


def test_pictures_of_a_batch_are_held_one_at_a_time(process: Callable[..., Process]) -> None:
    """Thirty of 4 megapixels, 12 MB each when decoded."""
    picture = encoded(Image.new("RGB", (2000, 2000), (255, 255, 255)))
    running = process()
    running.wait_until_ready()
    archive = zipped({f"{place}.png": picture for place in range(30)})
    with running.peak_growth() as grown:
        answer = httpx.post(
            f"{running.url}{BATCH}", content=archive, headers={"Content-Type": "application/zip"}, timeout=60
        )
        assert answer.json()["failed"] == 30  # blank paper
        assert grown() < 100e6


def test_a_file_in_an_archive_with_a_wrong_checksum(client: httpx.Client, digits: Digits) -> None:
    good = encoded(digits[1])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bad.png", good)
        archive.writestr("good.png", good)
    broken = file.getvalue().replace(good[40:60], bytes(20), 1)
    answer = client.post(BATCH, content=broken, headers={"Content-Type": "application/zip"})
    assert digits_read(answer) == [None, 1]


def test_a_large_batch_is_answered_in_order(client: httpx.Client, digits: Digits) -> None:
    many = np.concatenate([digits] * 1000)
    answer = client.post(BATCH, content=many.tobytes(), headers=RAW)
    assert digits_read(answer) == list(range(10)) * 1000


def test_a_batch_of_which_every_item_failed(client: httpx.Client) -> None:
    answer = client.post(BATCH, json={"images": ["AAAA"]})
    assert digits_read(answer) == [None]
    assert answer.json()["failed"] == 1


def test_limits_hold_for_every_way_of_sending_many(serve: Serve, digits: Digits) -> None:
    picture = encoded(digits[0])
    with serve(max_batch_images=2) as client:
        three = [
            client.post(BATCH, content=digits[:3].tobytes(), headers=RAW),
            client.post(BATCH, json={"pixels": digits[:3].tolist()}),
            client.post(BATCH, files=[("files", picture)] * 3),
            client.post(
                BATCH, content=zipped({str(n): picture for n in range(3)}), headers={"Content-Type": "application/zip"}
            ),
        ]
        assert [(one.status_code, one.json()["code"]) for one in three] == [(413, "batch_too_large")] * 4


def test_too_many_items_are_refused_before_any_is_looked_at(client: httpx.Client) -> None:
    for items in ('"images": [' + ",".join(['""'] * 200_000), '"pixels": [' + ",".join(["0"] * 200_000)):
        answer = client.post(BATCH, content="{" + items + "]}", headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
        assert answer.elapsed.total_seconds() < 0.5


def test_a_batch_of_too_many_pixels(serve: Serve, digits: Digits) -> None:
    with serve(max_batch_pixels=2 * 784) as client:
        answer = client.post(BATCH, files=[("files", encoded(digits[0]))] * 3)
    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")


def test_an_archive_that_unpacks_to_too_much(serve: Serve) -> None:
    with serve(max_unpacked_bytes=1000) as client:
        answer = client.post(BATCH, content=zipped({"a": bytes(1001)}), headers={"Content-Type": "application/zip"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
