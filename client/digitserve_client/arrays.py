"""Arrays of pixels -> bytes, through NumPy's array interface and without NumPy.

https://numpy.org/doc/stable/reference/arrays.interface.html
"""

from typing import Any, Protocol, TypeGuard

from digitserve_client import png

UINT8 = "|u1"
ONE = "a uint8 image of shape [H, W], [H, W, 3] or [H, W, 4], or the model's frame [28, 28] (0 paper, 255 ink)"
MANY = "uint8 images of shape [N, 28, 28], [N, H, W], [N, H, W, 3] or [N, H, W, 4]"


class Array(Protocol):
    """A NumPy array, or whatever else says its shape the way NumPy does."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...
    def tobytes(self) -> bytes: ...


def is_array(value: object) -> TypeGuard[Array]:
    """Whether `value` has NumPy's array interface; Pillow images have it too."""
    return hasattr(value, "__array_interface__")


def is_raw(array: Array) -> bool:
    """Whether these are pixels of the model's own frame, one or many, which need no encoding."""
    return _dtype(array) == UINT8 and _shape(array)[-2:] == (28, 28) and len(_shape(array)) in (2, 3)


def encode(array: Array) -> tuple[bytes, str]:
    """The body and media type of one image: 28x28 as 784 raw bytes, other sizes as PNG.

    Raises ValueError for another dtype or shape.
    """
    _require_uint8(array, ONE)
    shape = _shape(array)
    if shape == (28, 28):
        return array.tobytes(), "application/octet-stream"
    if 0 in shape or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
        raise ValueError(_refusal(array, ONE, _way_out(shape)))
    height, width, channels = (*shape, 1)[:3]
    return png.encode(array.tobytes(), height, width, channels), "image/png"


def are_frames(array: Array) -> bool:
    """Whether it is `[N, 28, 28]`, N raw frames end to end; otherwise its images are to be encoded one by one.

    Raises ValueError for another dtype, or when the array can only be a single image.
    """
    _require_uint8(array, MANY)
    shape = _shape(array)
    if len(shape) == 3 and shape[1:] == (28, 28):
        return True
    if len(shape) == 4 or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        return False
    raise ValueError(_refusal(array, MANY, "call predict() for a single image, or stack the images"))


def _require_uint8(array: Array, expected: str) -> None:
    dtype = _dtype(array)
    if dtype == UINT8:
        return
    if dtype[1] == "f":
        advice = "bring it to 0..255 and convert; from 0..1: (array * 255).round().astype('uint8')"
    elif dtype[1] == "b":
        advice = "convert it: array.astype('uint8') * 255"
    else:
        advice = "bring it to 0..255 and convert: array.clip(0, 255).astype('uint8')"
    raise ValueError(_refusal(array, expected, advice))


def _way_out(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "send an image that has pixels"
    if shape == (784,):
        return "give it its shape: array.reshape(28, 28)"
    if len(shape) == 3 and shape[2] == 1:
        return "drop the last axis: array[:, :, 0]"
    if len(shape) == 3 and shape[0] in (3, 4):
        return "put the channels last: array.transpose(1, 2, 0)"
    if len(shape) in (3, 4):
        return "for several images call predict_batch()"
    return "give it height and width"


def _refusal(array: Array, expected: str, advice: str) -> str:
    dtype = getattr(array, "dtype", _dtype(array))
    return f"expected {expected}; got {dtype} {list(_shape(array))}; {advice}"


def _dtype(array: Array) -> str:
    return str(array.__array_interface__["typestr"])


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(array.__array_interface__["shape"])
