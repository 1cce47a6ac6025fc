"""HEIC photos and PDF files at every path that takes pictures."""

import base64

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes
from tests.http.test_errors import assert_problem
from tests.pictures import encoded

for extra in ("pillow_heif", "pypdfium2"):
    pytest.importorskip(extra, reason="the extras `heic` and `pdf` are not installed")

BATCH, READ = "/v1/predict/batch", "/v1/read"


def sheet(*digits: int) -> Image.Image:
    """They stand in a row, in the middle of an A4 page at 100 dpi."""
    page: NDArray[np.uint8] = np.full((1169, 827), 255, np.uint8)
    for place, digit in enumerate(digits):
        page[400:500, 100 + 110 * place : 200 + 110 * place] = 255 - strokes.render(digit, size=100)
    return Image.fromarray(page)


SCAN = encoded(sheet(4, 0, 7), "PDF", save_all=True, append_images=[sheet(1, 9, 5, 2)], resolution=100)
SEVEN = Image.fromarray(255 - strokes.render(7, size=300))
PHOTO = encoded(SEVEN, "HEIF")
ONE_PAGE = encoded(SEVEN, "PDF")


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
@pytest.mark.parametrize("content", [PHOTO, ONE_PAGE], ids=["heic", "pdf"])
def test_a_digit(client: httpx.Client, path: str, content: bytes) -> None:
    answers = [
        client.post(path, content=content),
        client.post(path, files={"image": ("7", content)}),
        client.post(path, json={"image": base64.b64encode(content).decode()}),
    ]
    assert [answer.json().get("digit") for answer in answers] == [7, 7, 7]
    assert answers[0].json()["input"]["verdict"] == "ok"


@pytest.mark.parametrize(("page", "text"), [("", "407"), ("?page=1", "407"), ("?page=2", "1952")])
def test_the_pages_of_a_scan(client: httpx.Client, page: str, text: str) -> None:
    answer = client.post(READ + page, content=SCAN).json()
    assert (answer["text"], answer["pages"]) == (text, 2)
    left, top, width, height = answer["numbers"][0]["box"]  # in a page of which the longer side has 1,600 pixels
    assert 100 * 1600 / 1169 < left < left + width < 660 * 1600 / 1169
    assert 400 * 1600 / 1169 < top < top + height < 500 * 1600 / 1169


def test_a_photo_of_numbers_has_no_pages(client: httpx.Client) -> None:
    answer = client.post(READ, content=encoded(sheet(3, 1), "HEIF")).json()
    assert answer["text"] == "31"
    assert "pages" not in answer


def test_pages_are_the_items_of_a_batch(client: httpx.Client) -> None:
    two = encoded(SEVEN, "PDF", save_all=True, append_images=[Image.fromarray(255 - strokes.render(3, size=300))])
    alone = client.post(BATCH, content=two, headers={"Content-Type": "application/pdf"}).json()
    assert [(one["digit"], one["name"]) for one in alone["predictions"]] == [(7, "page 1"), (3, "page 2")]
    files = [("images", (name, content)) for name, content in (("a", PHOTO), ("b", two), ("c", two[:200]))]
    among = client.post(BATCH, files=files).json()
    assert [one["name"] for one in among["predictions"]] == ["a", "b, page 1", "b, page 2", "c"]
    assert [one.get("digit") for one in among["predictions"]] == [7, 7, 3, None]
    assert among["predictions"][3]["error"]["code"] == "undecodable"


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (f"{READ}?page=3", SCAN, ["the PDF has 2 pages", "?page=3"]),
        ("/v1/predict?page=2", PHOTO, ["only PDFs have pages"]),
        ("/v1/predict?page=2", strokes.render(7).tobytes(), ["only PDFs have pages"]),
        (f"{READ}?page=0", SCAN, ["from 1", "'0'"]),
        (f"{READ}?page=two", SCAN, ["from 1", "'two'"]),
        (f"{BATCH}?page=2", SCAN, ["one image at a time"]),
    ],
)
def test_a_page_that_cannot_be_meant(client: httpx.Client, path: str, content: bytes, words: list[str]) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": "application/octet-stream"})
    assert_problem(answer, 400, "malformed", *words)
