"""Numbers to frames, and each way in which they can be wrong."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray

from app.errors import ServiceError, Undecodable, WrongShape
from app.tasks.digits.arrays import from_npy, from_raw, from_rows
from tests.pictures import npy

FRAME = np.arange(784, dtype=np.int64).reshape(28, 28) % 256


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint32, np.float32, np.float64, ">i4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_every_type_of_number(dtype: str, order: str) -> None:
    array = np.asarray(FRAME.astype(dtype), order=order)
    assert np.array_equal(from_npy(npy(array)), FRAME[None])


def test_many_frames() -> None:
    many = np.stack([FRAME, FRAME]).astype(np.uint8)
    assert np.array_equal(from_npy(npy(many)), many)
    assert np.array_equal(from_raw(many.tobytes()), many)


def test_fractions_of_a_shade_are_rounded() -> None:
    assert np.array_equal(from_rows(np.minimum(FRAME + 0.3, 255).tolist()), FRAME)


@pytest.mark.parametrize("booleans", [True, False])
def test_zeros_and_ones_are_faint_ink_as_integers_and_fractions_as_floats(booleans: bool) -> None:
    faint = FRAME % 2
    assert np.array_equal(from_rows(faint.tolist(), booleans=booleans), faint)
    assert np.array_equal(from_npy(npy(faint))[0], faint)
    for fractions in (faint.astype(float), faint * 0.5):
        with pytest.raises(Undecodable, match="multiply by 255"):
            from_rows(fractions.tolist(), booleans=booleans)
        with pytest.raises(Undecodable, match="multiply by 255"):
            from_npy(npy(fractions))


@pytest.mark.parametrize("length", [0, 1, 783, 785, 1567])
def test_raw_bytes_of_no_whole_frame(length: int) -> None:
    with pytest.raises(WrongShape, match=f"{length:,} bytes came"):
        from_raw(bytes(length))


@pytest.mark.parametrize("shape", [(784,), (28, 27), (1, 1, 28, 28), (27, 28, 28), ()])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    if shape == (27, 28, 28):
        assert from_npy(npy(np.zeros(shape, np.uint8))).shape == shape
        return
    with pytest.raises(WrongShape, match="got an array of shape"):
        from_npy(npy(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1, 256, 1e300, True, "7", None, 1j, 2**70])
def test_values_that_are_no_pixels(value: object) -> None:
    with pytest.raises(ServiceError):
        from_rows([[value] * 28] * 28)


@given(arrays_of.arrays(arrays_of.scalar_dtypes(), arrays_of.array_shapes(max_dims=4, max_side=29)))
def test_any_array_is_read_or_refused(array: NDArray[Any]) -> None:
    try:
        frames = from_npy(npy(array))
    except ServiceError:
        return
    assert frames.dtype == np.uint8


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        from_npy(b"\x93NUMPY\x01\x00" + data)
