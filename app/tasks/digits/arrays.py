"""Numbers that a caller sent as pixels -> frames. They are frames already, so nothing is normalised."""

import io
import math
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.errors import Undecodable, WrongShape

SIDE = 28
FRAME_BYTES = SIDE * SIDE
EXPECTED = "28x28 pixels of 0 (background) to 255 (ink)"

NUMBERS = frozenset({int, float})  # bool is a subclass of int, but no pixel

Frames = NDArray[np.uint8]  # [N, 28, 28]


def from_raw(data: bytes) -> Frames:
    """N x 784 bytes, row by row -> uint8 [N, 28, 28]. Raises WrongShape where the length does not fit."""
    if not data or len(data) % FRAME_BYTES:
        raise WrongShape(
            f"raw pixels come as N x {FRAME_BYTES} bytes (28x28, one byte a pixel), but {len(data):,} bytes came; "
            "send an encoded image with its own Content-Type, such as image/png"
        )
    return np.frombuffer(data, np.uint8).reshape(-1, SIDE, SIDE)


def from_npy(data: bytes) -> Frames:
    """An .npy file of [28, 28] or [N, 28, 28] -> uint8 [N, 28, 28]. Raises Undecodable, WrongShape."""
    return from_array(npy_array(data))


def npy_head_bytes(data: bytes) -> int:
    """How long an .npy file says that its header is; 0 of what is too short for one. Source: numpy.lib.format."""
    return int.from_bytes(data[8:12] if data[6:7] > b"\1" else data[8:10], "little")


def npy_array(data: bytes) -> NDArray[Any]:
    """What an .npy file holds, without a copy. Raises Undecodable.

    Source of the format: numpy.lib.format. Pickled objects are refused, and no more is allocated than came.
    """
    file = io.BytesIO(data)
    try:
        read_header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        content = np.frombuffer(data, dtype, math.prod(shape), file.tell())
        return content.reshape(shape, order="F" if fortran else "C")
    except Exception as error:  # the header is evaluated as Python literals and can fail in any way
        raise Undecodable(f"the body is no .npy file of plain numbers ({error}); write it with numpy.save") from error


def from_rows(rows: Any, *, booleans: bool = True) -> Frames:
    """28 lists of 28 numbers -> uint8 [28, 28]. Raises WrongShape, Undecodable.

    `booleans`: whether there may be some among the numbers; to rule them out takes longer. Looked at before NumPy is:
    of a list with one long string it would make an array of such strings.
    """
    if not isinstance(rows, list) or not {list}.issuperset(map(type, rows)):
        raise WrongShape(f"expected {EXPECTED}: a list of 28 lists of 28 numbers")
    if len(rows) != SIDE or set(map(len, rows)) != {SIDE}:
        lengths = sorted(set(map(len, rows)))
        raise WrongShape(f"expected {EXPECTED}; got {len(rows)} rows of {' and '.join(map(str, lengths[:5]))} values")
    if booleans:
        _check_numbers(rows)
    with suppress(TypeError, ValueError):  # fractions, or what is said below
        return np.frombuffer(b"".join(map(bytes, rows)), np.uint8).reshape(SIDE, SIDE)
    if not booleans:
        _check_numbers(rows)
    return _to_bytes(np.array(rows, np.float64))


def _check_numbers(rows: list[list[Any]]) -> None:
    if not all(NUMBERS.issuperset(map(type, row)) for row in rows):
        raise Undecodable(f"expected {EXPECTED}; got values that are no numbers")


def from_array(array: NDArray[Any]) -> Frames:
    """[28, 28] or [N, 28, 28] of any numbers -> uint8 [N, 28, 28]. Raises Undecodable, WrongShape."""
    if array.ndim not in (2, 3) or array.shape[-2:] != (SIDE, SIDE):
        raise WrongShape(f"expected {EXPECTED}, or a list of such; got an array of shape {list(array.shape)}")
    frames = array.reshape(-1, SIDE, SIDE)
    return frames if frames.dtype == np.uint8 else _to_bytes(frames)


def _to_bytes(array: NDArray[Any]) -> Frames:
    if array.dtype.kind not in "uif":
        raise Undecodable(f"expected {EXPECTED}; got values that are no numbers ({array.dtype})")
    if not np.isfinite(array).all():
        raise Undecodable(f"expected {EXPECTED}; got NaN or infinity among the pixels")
    least, most = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if least < 0 or most > 255:
        raise Undecodable(f"expected {EXPECTED}; got values from {least:g} to {most:g}")
    if array.dtype.kind == "f" and 0 < most <= 1:
        raise Undecodable(f"expected {EXPECTED}; got fractions up to {most:g}: multiply by 255 first")
    frames: Frames = np.rint(array).astype(np.uint8)
    return frames
