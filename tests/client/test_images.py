"""Every form of an image that a caller may hold."""

import re
import subprocess
import sys
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from digitserve_client import images
from digitserve_client.images import RAW, Part
from PIL import Image

FRAME = np.arange(784, dtype=np.uint8).reshape(28, 28)
PHOTO = np.random.default_rng(2).integers(0, 256, (30, 20, 3), dtype=np.uint8)


def saved(kind: str, array: np.ndarray = PHOTO, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp", "gif", "tiff"])
def test_a_file_is_sent_as_it_is_under_its_own_media_type(kind: str, tmp_path: Path) -> None:
    content = saved(kind)
    path = tmp_path / "three.dat"  # the name's ending tells nothing
    path.write_bytes(content)
    expected = f"image/{kind}"
    assert images.encode(content) == Part(content, expected)
    assert images.encode(bytearray(content)) == Part(content, expected)
    assert images.encode(memoryview(content)) == Part(content, expected)
    assert images.encode(BytesIO(content)) == Part(content, expected)
    assert images.encode(path) == Part(content, expected, "three.dat")
    assert images.encode(str(path)) == Part(content, expected, "three.dat")
    with path.open("rb") as file:
        assert images.encode(file) == Part(content, expected, "three.dat")


def test_big_endian_tiff_and_npy_are_known() -> None:
    assert images.media_type(b"MM\0*....") == "image/tiff"
    file = BytesIO()
    np.save(file, FRAME)
    assert images.media_type(file.getvalue()) == "application/x-npy"


@pytest.mark.parametrize("content", [bytes(784), b"", b"hello", b"RIFF....WAVE", bytes(783)])
def test_what_has_no_magic_is_raw_and_left_to_the_service_to_judge(content: bytes) -> None:
    part = images.encode(content)
    assert part == Part(content, RAW)
    assert part.is_frame == (len(content) == 784)


def test_a_grey_pillow_image_of_28x28_is_sent_as_784_bytes() -> None:
    assert images.encode(Image.fromarray(FRAME)) == Part(FRAME.tobytes(), RAW)


MODES = [
    "1",
    "L",
    "LA",
    "La",
    "P",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "I;16",
    "I;16B",
    "F",
]


@pytest.mark.parametrize("mode", MODES)
def test_pillow_images_of_every_mode_become_png(mode: str) -> None:
    part = images.encode(Image.new(mode, (40, 30)))
    assert part.media_type == "image/png"
    with Image.open(BytesIO(part.content)) as image:
        assert image.size == (40, 30)


def test_a_pillow_image_keeps_its_pixels() -> None:
    part = images.encode(Image.fromarray(PHOTO))
    with Image.open(BytesIO(part.content)) as image:
        np.testing.assert_array_equal(np.asarray(image), PHOTO)


def test_a_pillow_image_of_a_turned_photo_arrives_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held a quarter turn to the side
    with Image.open(BytesIO(saved("jpeg", exif=exif))) as photo:
        part = images.encode(photo)
    with Image.open(BytesIO(part.content)) as image:
        assert image.size == (30, 20)


def test_a_text_file_object_is_refused() -> None:
    with pytest.raises(TypeError, match="open it with mode"):
        images.encode(cast(Any, StringIO("4")))


@pytest.mark.parametrize("image", [None, 4, [[0] * 28] * 28, object()])
def test_what_is_no_image_is_refused(image: Any) -> None:
    with pytest.raises(TypeError, match=r"expected an image as a path, bytes, .*; got"):
        images.encode(image)


def test_a_missing_file_is_the_callers_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        images.encode(tmp_path / "none.png")


@pytest.mark.parametrize("content", [b"Dear Sir, 1984 was a good year.", b"", bytes(783), b"PK\3\4..........."])
def test_a_file_that_is_no_picture_is_refused_with_its_first_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    said = re.escape(repr(content[:16])) if content else "letter.txt is empty"
    with path.open("rb") as file:
        for image in (path, str(path), file):
            with pytest.raises(ValueError, match=said):
                images.encode(image)


def test_a_file_of_784_bytes_is_a_frame(tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(FRAME.tobytes())
    assert images.encode(tmp_path / "frame").is_frame


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypheic....", "image/heic"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"%PDF-1.7", "application/pdf"),
    ],
)
def test_pictures_of_phones_and_pages_are_known_and_left_to_the_service(content: bytes, kind: str) -> None:
    assert images.media_type(content) == kind


def test_frames_alone_are_one_raw_body() -> None:
    parts = [images.encode(one) for one in (FRAME, Image.fromarray(FRAME), FRAME.tobytes(), BytesIO(FRAME.tobytes()))]
    assert images.joined(parts) == Part(FRAME.tobytes() * 4, RAW)


def test_one_item_of_a_wrong_length_makes_parts_so_that_it_fails_alone() -> None:
    parts = images.joined([images.encode(one) for one in (FRAME, bytes(783), bytes(785))])
    assert isinstance(parts, tuple)
    assert [len(part.content) for part in parts] == [784, 783, 785]


@pytest.mark.parametrize("one", ["a.png", Path("a.png"), b"123", Image.new("L", (9, 9)), BytesIO(b"1")])
def test_one_image_is_no_batch(one: Any) -> None:
    with pytest.raises(TypeError, match=r"call predict\(\) or put it in a list"):
        images.check_several(one)


def test_neither_numpy_nor_pillow_is_imported(tmp_path: Path) -> None:
    (tmp_path / "seven.png").write_bytes(saved("png"))
    program = (
        "import sys; from digitserve_client import images; "
        "from digitserve_client import Client; images.encode(sys.argv[1]); images.encode(bytes(784)); "
        "print([name for name in ('numpy', 'PIL') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "seven.png")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
