"""/v1/read: whole numbers in pictures, and where they stand."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests import photographs
from tests.conftest import DIGITS, Serve
from tests.photographs import of_strokes
from tests.pictures import encoded

PNG = {"Content-Type": "image/png"}


def post(client: httpx.Client, content: bytes, media_type: str = "image/png") -> httpx.Response:
    return client.post("/v1/read", content=content, headers={"Content-Type": media_type})


def row(text: str, height: int = 120, gap: int = 30) -> Image.Image:
    """Digits of strokes side by side, black on white, 40 pixels from the left and from the top."""
    sheet = Image.new("L", (80 + len(text) * (height + gap), height + 80), 255)
    for place, digit in enumerate(text):
        mask = Image.fromarray((of_strokes(int(digit)) * 255).astype(np.uint8)).resize((height, height))
        sheet.paste(0, (40 + place * (height + gap), 40), mask)
    return sheet


@pytest.mark.parametrize("text", ["7", "2026", "104857600", "314159265358"])
def test_a_number(client: httpx.Client, text: str) -> None:
    (number,) = post(client, encoded(row(text))).json()["numbers"]
    assert number["text"] == text
    assert "".join(str(one["digit"]) for one in number["digits"]) == text
    assert 0.5 < number["confidence"] <= min(one["confidence"] for one in number["digits"])
    assert number["decision"] in {"accept", "review"}


def test_what_stands_between_digits_is_shown_and_not_read(client: httpx.Client) -> None:
    sheet = row("125000", gap=0)
    draw = ImageDraw.Draw(sheet)
    draw.line([(524, 138), (514, 164)], fill=0, width=9)  # a comma after the fourth digit
    (number,) = post(client, encoded(sheet)).json()["numbers"]
    assert (number["text"], number["raw"]) == ("125000", "1250,00")
    assert [digit["digit"] for digit in number["digits"]] == [1, 2, 5, 0, 0, 0]


def test_zeros_that_are_joined(client: httpx.Client) -> None:
    """There is no good cut between them: the line reader knows."""
    sheet = row("4000", gap=0)
    draw = ImageDraw.Draw(sheet)
    for place in (1, 2):
        draw.line([(100 + 120 * place, 58), (165 + 120 * place, 58)], fill=0, width=9)
    assert [number["text"] for number in post(client, encoded(sheet)).json()["numbers"]] == ["4000"]


def test_without_a_line_reader_numbers_are_cut_alone(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "digits").symlink_to(DIGITS.parent)
    with serve(models=tmp_path) as alone:
        answer = post(alone, encoded(row("2026"))).json()
    assert [(number["text"], number["raw"]) for number in answer["numbers"]] == [("2026", "2026")]


def test_the_other_readings_are_less_likely(client: httpx.Client) -> None:
    (number,) = post(client, encoded(row("4179"))).json()["numbers"]
    others = number["alternatives"]
    assert 1 <= len(others) <= 4
    assert len({number["text"], *(one["text"] for one in others)}) == 1 + len(others)
    assert number["confidence"] + sum(one["confidence"] for one in others) <= 1 + 1e-6
    assert all(one["confidence"] <= number["confidence"] for one in others)
    assert others == sorted(others, key=lambda other: -other["confidence"])


def test_boxes_are_in_the_pixels_of_what_was_sent(client: httpx.Client) -> None:
    """Large pictures are read smaller, and a phone turns its own by EXIF."""
    small = row("385")
    large = small.resize((small.width * 4, small.height * 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(large.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    boxes = [
        [digit["box"] for digit in post(client, body, f"image/{kind}").json()["numbers"][0]["digits"]]
        for body, kind in ((encoded(small), "png"), (encoded(large), "png"), (turned, "jpeg"))
    ]
    ink = np.asarray(large) < 128
    for x, y, width, height in boxes[1]:
        inside = ink[round(y) : round(y + height), round(x) : round(x + width)]
        assert inside[:16].any()
        assert inside[-16:].any()
    assert np.allclose(np.array(boxes[0]) * 4, boxes[1], atol=16)
    assert np.allclose(boxes[1], boxes[2], atol=16)


def test_several_numbers_from_top_to_bottom(client: httpx.Client) -> None:
    rows = [row("12"), row("907"), row("3")]
    sheet = Image.new("L", (max(one.width for one in rows), sum(one.height for one in rows)), 255)
    top = 0
    for one in rows:
        sheet.paste(one, (0, top))
        top += one.height
    answer = post(client, encoded(sheet)).json()
    assert [number["text"] for number in answer["numbers"]] == ["12", "907", "3"]
    assert ([number["line"] for number in answer["numbers"]], answer["text"]) == ([0, 1, 2], "12\n907\n3")


def test_numbers_on_one_line_from_left_to_right(client: httpx.Client) -> None:
    left, right = row("12", gap=0), row("34", gap=0)
    sheet = Image.new("L", (1_000, 240), 255)
    sheet.paste(left, (0, 20))
    sheet.paste(right, (500, 10))  # a little higher
    answer = post(client, encoded(sheet)).json()
    assert [number["text"] for number in answer["numbers"]] == ["12", "34"]
    assert ([number["line"] for number in answer["numbers"]], answer["text"]) == ([0, 0], "12 34")


def test_a_row_of_far_digits_that_slopes(client: httpx.Client) -> None:
    sheet = Image.new("L", (2_600, 600), 255)
    for place, digit in enumerate("0123456789"):
        sheet.paste(row(digit, height=100), (20 + place * 250, round(20 + place * 30)))
    assert post(client, encoded(sheet)).json()["text"].replace(" ", "") == "0123456789"


def test_it_has_no_additions(client: httpx.Client) -> None:
    answer = client.post("/v1/read?include=heatmap", content=encoded(row("1")), headers=PNG)
    assert answer.status_code == 400
    assert "/v1/predict" in answer.json()["detail"]


def test_a_form_on_paper(client: httpx.Client) -> None:
    masks = [of_strokes(int(digit)) for digit in "60481"]
    body = photographs.number(masks, "boxed", np.random.default_rng(3), gap=0.5)
    assert [number["text"] for number in post(client, body, "image/jpeg").json()["numbers"]] == ["60481"]


def test_a_frame_is_a_picture_too(client: httpx.Client, digits: np.ndarray) -> None:
    answer = post(client, digits[4].tobytes(), "application/octet-stream").json()
    assert [number["text"] for number in answer["numbers"]] == ["4"]


def test_blank_paper_is_refused(client: httpx.Client) -> None:
    answer = post(client, encoded(Image.new("L", (300, 200), 240)))
    assert (answer.status_code, answer.json()["code"], answer.json()["verdict"]) == (422, "no_ink", "blank")


def test_a_page_of_grain_is_refused(client: httpx.Client) -> None:
    grain = np.full((1000, 1000), 255, np.uint8)
    grain[::20, ::20] = grain[1::20, ::20] = grain[2::20, 1::20] = 0
    grain = np.asarray(Image.fromarray(grain).resize((2000, 2000), Image.Resampling.NEAREST))
    answer = post(client, encoded(grain))
    assert answer.status_code == 422
    assert "at most 400" in answer.json()["detail"]


def test_other_models_read_as_well(client: httpx.Client) -> None:
    answer = client.post("/v1/read?model=mlp-128-64", content=encoded(row("204")), headers=PNG).json()
    assert answer["model"]["name"] == "mlp-128-64"
    assert [number["text"] for number in answer["numbers"]] == ["204"]


def test_what_it_takes_is_said(client: httpx.Client) -> None:
    timing = post(client, encoded(row("204"))).headers["Server-Timing"]
    assert all(f"{part};" in timing for part in ("read", "normalise", "infer", "encode"))


def test_a_form_s_file_is_read(client: httpx.Client) -> None:
    file = io.BytesIO()
    row("204").save(file, "PNG")
    assert client.post("/v1/read", files={"file": ("a.png", file.getvalue(), "image/png")}).status_code == 200
