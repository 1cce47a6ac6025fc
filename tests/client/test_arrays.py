"""Arrays become raw frames or PNG, or a ValueError that says what to do."""

from io import BytesIO

import numpy as np
import pytest
from digitserve_client import arrays
from PIL import Image

FRAME = np.arange(784, dtype=np.uint8).reshape(28, 28)


def test_a_frame_is_sent_as_its_784_bytes() -> None:
    assert arrays.encode(FRAME) == (FRAME.tobytes(), "application/octet-stream")


@pytest.mark.parametrize("view", [FRAME.T, FRAME[::-1], np.asfortranarray(FRAME)])
def test_a_view_is_sent_row_by_row_whatever_its_strides(view: np.ndarray) -> None:
    content, _ = arrays.encode(view)
    assert content == np.ascontiguousarray(view).tobytes()


@pytest.mark.parametrize("shape", [(30, 20), (28, 29), (1, 1), (28, 28, 3), (5, 7, 4)])
def test_pictures_are_sent_as_png(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    content, media_type = arrays.encode(picture)
    assert media_type == "image/png"
    with Image.open(BytesIO(content)) as image:
        np.testing.assert_array_equal(np.asarray(image), picture)


@pytest.mark.parametrize(
    ("array", "came", "advice"),
    [
        (np.zeros((28, 28), np.float32), "float32 [28, 28]", "(array * 255).round().astype('uint8')"),
        (np.zeros((28, 28), bool), "bool [28, 28]", "array.astype('uint8') * 255"),
        (np.zeros((28, 28), np.int64), "int64 [28, 28]", "array.clip(0, 255).astype('uint8')"),
        (np.zeros((28, 28), np.int8), "int8 [28, 28]", "array.clip(0, 255).astype('uint8')"),
        (np.zeros(784, np.uint8), "uint8 [784]", "array.reshape(28, 28)"),
        (np.zeros(5, np.uint8), "uint8 [5]", "give it height and width"),
        (np.zeros((28, 28, 1), np.uint8), "uint8 [28, 28, 1]", "array[:, :, 0]"),
        (np.zeros((3, 28, 28), np.uint8), "uint8 [3, 28, 28]", "array.transpose(1, 2, 0)"),
        (np.zeros((9, 28, 28), np.uint8), "uint8 [9, 28, 28]", "call predict_batch()"),
        (np.zeros((9, 28, 28, 3), np.uint8), "uint8 [9, 28, 28, 3]", "call predict_batch()"),
        (np.zeros((0, 28), np.uint8), "uint8 [0, 28]", "send an image that has pixels"),
    ],
)
def test_what_is_no_image_is_refused_with_advice(array: np.ndarray, came: str, advice: str) -> None:
    with pytest.raises(ValueError, match=r"expected .*; got .*; .") as refusal:
        arrays.encode(array)
    assert f"got {came};" in str(refusal.value)
    assert advice in str(refusal.value)


def test_many_frames_go_end_to_end() -> None:
    assert arrays.are_frames(np.stack([FRAME, FRAME.T]))


@pytest.mark.parametrize("shape", [(2, 30, 20), (2, 30, 20, 3), (2, 28, 28, 4)])
def test_many_pictures_are_left_to_be_encoded_one_by_one(shape: tuple[int, ...]) -> None:
    assert not arrays.are_frames(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (784,), (2, 784)])
def test_one_picture_is_no_batch(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"call predict\(\) for a single image"):
        arrays.are_frames(np.zeros(shape, np.uint8))


def test_an_array_interface_is_enough() -> None:
    class Frame:
        @property
        def __array_interface__(self) -> dict[str, object]:
            return {"shape": (28, 28), "typestr": "|u1", "version": 3}

        def tobytes(self) -> bytes:
            return bytes(784)

    assert arrays.encode(Frame()) == (bytes(784), "application/octet-stream")
