"""Every form of an image that a caller may hold."""

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


@pytest.mark.parametrize(
    "batch",
    [
        np.stack([FRAME, FRAME]),
        [FRAME, FRAME],
        (FRAME, Image.fromarray(FRAME)),
        iter([FRAME.tobytes(), BytesIO(FRAME.tobytes())]),
    ],
)
def test_frames_alone_are_one_raw_body(batch: Any) -> None:
    assert images.encode_batch(batch) == Part(FRAME.tobytes() * 2, RAW)


def test_a_mixed_batch_is_several_parts() -> None:
    assert images.encode_batch([FRAME, saved("gif"), saved("png")]) == (
        Part(FRAME.tobytes(), RAW),
        Part(saved("gif"), "image/gif"),
        Part(saved("png"), "image/png"),
    )


def test_one_item_of_a_wrong_length_makes_parts_so_that_it_fails_alone() -> None:
    parts = images.encode_batch([FRAME, bytes(783), bytes(785)])
    assert isinstance(parts, tuple)
    assert [len(part.content) for part in parts] == [784, 783, 785]


@pytest.mark.parametrize("shape", [(2, 30, 20), (2, 30, 20, 3), (2, 28, 28, 4)])
def test_an_array_of_pictures_is_several_png(shape: tuple[int, ...]) -> None:
    parts = images.encode_batch(np.zeros(shape, np.uint8))
    assert isinstance(parts, tuple)
    assert [part.media_type for part in parts] == ["image/png"] * 2


def test_no_images_are_an_empty_body() -> None:
    assert images.encode_batch([]) == images.encode_batch(np.zeros((0, 28, 28), np.uint8)) == Part(b"", RAW)


@pytest.mark.parametrize("one", ["a.png", Path("a.png"), b"123", Image.new("L", (9, 9)), BytesIO(b"1")])
def test_one_image_is_no_batch(one: Any) -> None:
    with pytest.raises(TypeError, match=r"call predict\(\) or put it in a list"):
        images.encode_batch(one)


def test_a_wrong_item_is_named_by_its_place() -> None:
    with pytest.raises(ValueError, match="float64") as refusal:
        images.encode_batch([FRAME, FRAME / 255])
    assert refusal.value.__notes__ == ["in images[1]"]


def test_neither_numpy_nor_pillow_is_imported(tmp_path: Path) -> None:
    (tmp_path / "seven.png").write_bytes(saved("png"))
    program = (
        "import sys; from digitserve_client import images; "
        "images.encode(sys.argv[1]); images.encode_batch([bytes(784)]); "
        "print([name for name in ('numpy', 'PIL') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "seven.png")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
