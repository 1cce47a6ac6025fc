"""Tensors as bytes. Source: Open Inference Protocol, "Binary Tensor Data Extension"."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import WrongShape
from app.inference.datatypes import BYTES, Datatype

Array = NDArray[Any]
LENGTH = struct.Struct("<I")  # before each element of BYTES
ALIGNMENT = 16  # bytes, of what NumPy allocates
MOST_STRINGS = 50_000  # elements of a request: each takes the event loop some microseconds


def unpack(data: memoryview, datatype: Datatype, count: int) -> Array:
    """[count], without a copy but of BYTES. Raises WrongShape where that takes more or fewer bytes."""
    if datatype.name == BYTES:
        return _unpack_strings(data, count)
    expected = count * datatype.numpy.itemsize
    if len(data) != expected:
        raise WrongShape(f"{count:,} elements of {datatype.name} take {expected:,} bytes; {len(data):,} came")
    return np.frombuffer(data, datatype.numpy)


def aligned(values: Array) -> Array:
    """At an address where arrays begin: elsewhere ONNX Runtime forms sums in another order. Else copied."""
    return values if values.__array_interface__["data"][0] % ALIGNMENT == 0 else values.copy()


def pack(values: Array, datatype: Datatype) -> bytes:
    """Row by row."""
    if datatype.name != BYTES:
        return values.tobytes()
    encoded = [one if isinstance(one, bytes) else str(one).encode() for one in values.ravel().tolist()]
    return b"".join(LENGTH.pack(len(one)) + one for one in encoded)


def _unpack_strings(data: memoryview, count: int) -> Array:
    check_strings(count)
    strings, at = np.empty(count, np.object_), 0
    for place in range(count):
        if at + LENGTH.size > len(data):
            raise WrongShape(f"{count:,} elements were announced; the bytes end after {place:,}")
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        if at + length > len(data):
            raise WrongShape(f"element {place:,} is said to have {length:,} bytes; {len(data) - at:,} are left")
        strings[place] = bytes(data[at : at + length])
        at += length
    if at != len(data):
        raise WrongShape(f"{count:,} elements were announced; {len(data) - at:,} bytes follow them")
    return strings


def check_strings(count: int, most: int = MOST_STRINGS) -> int:
    """How many more there may be. Raises WrongShape."""
    if count > most:
        raise WrongShape(f"a request of this size holds at most {most:,} elements of {BYTES}; {count:,} came")
    return most - count
