"""Tensors as bytes. Source: Open Inference Protocol, "Binary Tensor Data Extension"."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import WrongShape
from app.inference.datatypes import BYTES, Datatype

Array = NDArray[Any]
MOST_AXES = 16
LENGTH = struct.Struct("<I")  # before each element of BYTES
MOST_STRINGS = 50_000  # elements of a request: each takes the event loop some microseconds


def shape_of(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Raises WrongShape where they are no shape."""
    if len(sizes) > MOST_AXES or not all(type(size) is int and 0 <= size < 2**31 for size in sizes):
        raise WrongShape(f"a shape is a list of up to {MOST_AXES} whole numbers; got {str(list(sizes))[:100]}")
    return tuple(sizes)


def of_numbers(values: list[Any], datatype: Datatype) -> Array:
    """Raises WrongShape where one does not fit into the type."""
    try:
        return np.array(values, datatype.numpy)  # which raises where one is too large, as `astype` does not
    except OverflowError as error:
        raise WrongShape(f"a value does not fit into {datatype.name} ({error})") from error


def of_strings(values: Sequence[bytes]) -> Array:
    """Raises WrongShape where there are too many."""
    check_strings(len(values))
    strings = np.empty(len(values), np.object_)
    strings[:] = values
    return strings


def unpack(data: memoryview, datatype: Datatype, count: int) -> Array:
    """[count], without a copy but of BYTES. Raises WrongShape where that takes more or fewer bytes."""
    if datatype.name == BYTES:
        return _unpack_strings(data, count)
    expected = count * datatype.numpy.itemsize
    if len(data) != expected:
        raise WrongShape(f"{count:,} elements of {datatype.name} take {expected:,} bytes; {len(data):,} came")
    return np.frombuffer(data, datatype.numpy)


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


def check_strings(count: int) -> None:
    """Raises WrongShape."""
    if count > MOST_STRINGS:
        raise WrongShape(f"a request holds at most {MOST_STRINGS:,} elements of {BYTES}; {count:,} came")
