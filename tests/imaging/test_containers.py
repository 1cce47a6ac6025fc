"""What files hold besides pixels, counted before a decoder sees them."""

from typing import Any

import pytest
from PIL import Image

from app.errors import Undecodable
from app.imaging.containers import MOST_SCANS, PIECE_SECONDS, is_plain_png, walk
from tests.imaging.drawn import bar
from tests.pictures import encoded, png_chunk

PNG = encoded(bar())
HEAD = 33  # bytes of a PNG's signature and header


def with_chunks(count: int, kind: bytes = b"teSt", data: bytes = b"") -> bytes:
    return PNG[:HEAD] + png_chunk(kind, data) * count + PNG[HEAD:]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_ordinary_images_cost_little(kind: str) -> None:
    contents = walk(encoded(bar(), kind))
    assert contents.scans == 1
    assert contents.seconds < 1e-3


def test_each_chunk_of_a_png_costs() -> None:
    assert walk(with_chunks(50)).seconds - walk(PNG).seconds == pytest.approx(50 * PIECE_SECONDS)


def test_compressed_text_costs_more() -> None:
    assert walk(with_chunks(1, b"zTXt", bytes(500))).seconds > walk(with_chunks(1, b"tEXt", bytes(500))).seconds


def test_the_scans_of_a_jpeg_are_counted() -> None:
    data = encoded(bar(), "JPEG", progressive=True)
    scans = data.count(b"\xff\xda")
    assert walk(data).scans == scans > 1
    start = data.rindex(b"\xff\xda")
    with pytest.raises(Undecodable, match="scans"):
        walk(data[:start] + data[start:-2] * MOST_SCANS + data[-2:])


def test_what_comes_after_a_jpeg_is_not_counted() -> None:
    data = encoded(bar(), "JPEG")
    assert walk(data + data) == walk(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF"])
def test_files_that_end_early_are_left_to_the_decoder(kind: str) -> None:
    data = encoded(bar(), kind)
    for length in range(0, min(len(data), 300), 7):
        walk(data[:length])


def test_what_is_packed_in_a_way_that_is_not_read() -> None:
    data = bytearray(encoded(Image.fromarray(bar()), "TIFF"))
    at = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # the tag of the compression: one short, 1
    data[at + 8 : at + 10] = (99).to_bytes(2, "little")
    with pytest.raises(Undecodable, match="compression 99"):
        walk(bytes(data))


def test_a_plain_png_is_small_and_has_nothing_else() -> None:
    assert is_plain_png(PNG)
    assert not is_plain_png(with_chunks(1))
    assert not is_plain_png(encoded(bar(400, 400)))
    assert not is_plain_png(PNG[:-12])


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 10}, {"quality": 10, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}]
)
def test_a_webps_canvas_is_paid_for_before_it_is_opened(options: dict[str, Any]) -> None:
    """It is cleared first: 34 bytes took 15 ms."""
    small, large = (encoded(Image.new("RGB", (side, side + 40)), "WEBP", **options) for side in (100, 2000))
    seconds = [walk(data).seconds for data in (small, large)]
    assert seconds[1] / seconds[0] == pytest.approx(2000 * 2040 / (100 * 140))
    for length in range(len(small)):
        walk(small[:length])
