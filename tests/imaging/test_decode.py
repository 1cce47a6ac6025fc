"""Bytes to pixels, for what browsers, phones and scanners write, and for what nobody should."""

import io
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import ImageTooLarge, ServiceError, Undecodable
from app.imaging.arrays import Pixels
from app.imaging.decode import FORMATS, PILLOWS, decode, open_image
from tests.pictures import encoded, one_colour_png, tiled_tiff

MANY = 64_000_000
RAMP = np.arange(40 * 50, dtype=np.uint32).reshape(40, 50) * 255 // 1999


def pixels_of(data: bytes, media_type: str | None = None) -> Pixels:
    return decode(open_image(data, media_type, max_pixels=MANY))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    pixels = RAMP.astype(np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(pixels_of(encoded(pixels, kind, **options)), pixels)


def test_jpeg_keeps_nearly_every_pixel() -> None:
    pixels = RAMP.astype(np.uint8)
    assert np.abs(pixels_of(encoded(pixels, "JPEG", quality=95)).astype(int) - pixels).max() < 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_of_a_file_gives_grey_bytes(mode: str) -> None:
    image = Image.fromarray(RAMP.astype(np.uint8))
    wide = {"I;16": RAMP.astype(np.uint16) * 257, "I": RAMP.astype(np.int32) * 257, "F": RAMP.astype(np.float32)}
    converted = Image.fromarray(wide[mode]) if mode in wide else image.convert(mode)
    pixels = pixels_of(encoded(converted, "TIFF"))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (40, 50))
    if mode not in {"1", "CMYK"}:
        assert np.abs(pixels.astype(int) - RAMP).max() <= 1


def test_a_phone_held_sideways() -> None:
    image = Image.fromarray(RAMP.astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: what a camera writes instead of turning the pixels
    upright = pixels_of(encoded(image, "PNG", exif=exif))
    assert np.array_equal(upright, np.rot90(RAMP.astype(np.uint8), -1))


@pytest.mark.parametrize(("ink", "paper"), [((0, 0, 0), 255), ((20, 40, 160), 255), ((255, 255, 255), 0)])
def test_a_transparent_drawing_stays_visible(ink: tuple[int, int, int], paper: int) -> None:
    drawing = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    drawing.paste((*ink, 255), (10, 5, 20, 25))
    pixels = pixels_of(encoded(drawing))
    assert np.all(pixels[0, 0] == paper)
    assert np.max(np.abs(pixels[15, 15].astype(int) - paper)) > 100


def test_only_the_first_picture_of_an_animation() -> None:
    first, second = (Image.new("L", (9, 9), shade) for shade in (10, 200))
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert pixels_of(data).max() == 10


def test_the_limit_is_read_off_the_header() -> None:
    with pytest.raises(ImageTooLarge, match="20000x20000 = 400,000,000 pixels; at most 64,000,000"):
        open_image(one_colour_png(20_000, 20_000), max_pixels=MANY)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_of_a_large_file(mode: str) -> None:
    ramp = (np.linspace(0, 255, 2100)[None] * np.ones((2100, 1))).astype(np.uint8)
    image = Image.fromarray(ramp)
    wide = {"I;16": ramp.astype(np.uint16) * 257, "I": ramp.astype(np.int32) * 257, "F": ramp.astype(np.float32)}
    pixels = pixels_of(encoded(Image.fromarray(wide[mode]) if mode in wide else image.convert(mode), "TIFF"))
    assert pixels.shape == (1050, 1050)
    if mode not in {"1", "CMYK"}:
        assert np.abs(pixels.astype(int) - ramp[::2, ::2]).max() <= 2


def test_the_memory_that_decoding_takes_is_limited() -> None:
    large = Image.new("RGBA", (7_000, 7_000))
    with pytest.raises(ImageTooLarge, match=r"7000x7000 PNG takes about 196 MB; at most 100 MB .* smaller, or as"):
        open_image(encoded(large), max_pixels=MANY)
    assert open_image(encoded(large.convert("L"), "JPEG"), max_pixels=MANY).size == large.size


def test_a_tiny_tiff_of_one_huge_tile() -> None:
    with pytest.raises(ImageTooLarge, match="20000x20000"):
        open_image(tiled_tiff(28, 20_000), max_pixels=MANY)
    assert pixels_of(tiled_tiff(28, 32)).shape == (28, 28)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("MPO", {"save_all": True})])
def test_a_jpeg_of_endless_scans(kind: str, options: dict[str, bool]) -> None:
    """Pillow has another name for a JPEG that may hold several pictures, as phones write them."""
    picture = Image.fromarray(RAMP.astype(np.uint8))
    more = {"append_images": [picture]} if options else {}
    data = encoded(picture, kind, progressive=True, **options, **more)
    scan = data[data.index(b"\xff\xda") : data.index(b"\xff\xd9")]
    assert open_image(data, "image/jpeg", max_pixels=MANY).format == kind
    with pytest.raises(Undecodable, match="scans"):
        open_image(data.replace(b"\xff\xd9", scan * 100 + b"\xff\xd9", 1), "image/jpeg", max_pixels=MANY)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_comes_smaller(kind: str) -> None:
    assert 1024 <= max(pixels_of(encoded(Image.new("L", (6000, 4000), 90), kind)).shape) < 2048


def test_exactly_as_many_pixels_as_allowed() -> None:
    assert open_image(encoded(RAMP.astype(np.uint8)), max_pixels=2000).size == (50, 40)
    with pytest.raises(ImageTooLarge):
        open_image(encoded(RAMP.astype(np.uint8)), max_pixels=1999)


@pytest.mark.parametrize("media_type", FORMATS)
def test_no_format_is_taken_for_another(media_type: str) -> None:
    for kind in FORMATS.values():
        data = encoded(Image.new("L", (5, 5)), kind)
        if kind == FORMATS[media_type]:
            open_image(data, media_type, max_pixels=MANY)
        else:
            with pytest.raises(Undecodable, match=f"expected {media_type}"):
                open_image(data, media_type, max_pixels=MANY)


@pytest.mark.parametrize("kind", PILLOWS)
@given(seed=st.integers(0, 2**32))
def test_damaged_files_are_read_or_refused(kind: str, seed: int) -> None:
    """Bytes flipped, cut and repeated: an answer or a ServiceError, and nothing else."""
    chance = random.Random(seed)
    data = bytearray(encoded(RAMP.astype(np.uint8), kind))
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
    cut = bytes(data[: chance.randint(len(data) // 3, len(data))])
    try:
        pixels = decode(open_image(cut, max_pixels=1_000_000))
    except ServiceError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.size > 0


def test_a_jpeg_without_samples_is_refused() -> None:
    data = bytearray(encoded(RAMP.astype(np.uint8), "JPEG"))
    components = data.index(b"\xff\xc0") + 9
    data[components + 2] = 0  # of its one component: samples across and down
    with pytest.raises(Undecodable):
        decode(open_image(bytes(data), max_pixels=MANY))


@given(st.binary(max_size=400))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(open_image(data, max_pixels=MANY))


def test_an_image_of_no_pixels() -> None:
    file = io.BytesIO(b"BM" + bytes(200))
    with pytest.raises(Undecodable):
        pixels_of(file.getvalue())
