"""What decoding costs, by headers: more pixels never cost less."""

import io

import pytest
from PIL import Image

from app.imaging.costs import (
    COSTS,
    ENOUGH,
    bytes_to_decode,
    largest_piece,
    pixels_of,
    seconds_to_convert,
    seconds_to_decode,
)
from tests.pictures import encoded, tiled_tiff

KINDS = [kind for kind in COSTS if kind not in {"MPO", "HEIF"}]  # which Pillow writes as another, or does not read


def opened(side: int, kind: str, mode: str = "L") -> Image.Image:
    return Image.open(io.BytesIO(encoded(Image.new(mode, (side, side)), kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_costs_rise_with_the_side(kind: str) -> None:
    images = [opened(side, kind) for side in (16, 64, 256, 1024)]
    seconds = [seconds_to_decode(image, 1000, 1) for image in images]
    assert seconds == sorted(seconds)
    assert seconds[0] < seconds[-1]
    held = [bytes_to_decode(image, 1) for image in images]
    assert held == sorted(held)


@pytest.mark.parametrize("kind", KINDS)
def test_costs_rise_with_the_bytes(kind: str) -> None:
    image = opened(64, kind)
    assert seconds_to_decode(image, 100_000, 1) > seconds_to_decode(image, 1_000, 1)


def test_each_scan_of_a_jpeg_costs_a_decoding() -> None:
    image = opened(64, "JPEG")
    one, two, three = (seconds_to_decode(image, 1000, scans) for scans in (1, 2, 3))
    assert three - two == pytest.approx(two - one)
    assert two > one
    assert bytes_to_decode(image, 2) > bytes_to_decode(image, 1)


def test_a_large_jpeg_is_decoded_smaller() -> None:
    large, small = opened(2 * ENOUGH, "JPEG"), opened(ENOUGH, "JPEG")
    assert bytes_to_decode(large, 1) == bytes_to_decode(small, 1)


def test_a_tile_counts_whole() -> None:
    image = Image.open(io.BytesIO(tiled_tiff(28, 320)))
    assert largest_piece(image) == (320, 320)
    assert pixels_of(image) == 320 * 320


def test_transparency_costs_more_to_convert() -> None:
    assert seconds_to_convert(opened(64, "PNG", "RGBA")) > seconds_to_convert(opened(64, "PNG", "RGB"))
    assert seconds_to_convert(opened(64, "PNG", "RGB")) > seconds_to_convert(opened(64, "PNG"))
