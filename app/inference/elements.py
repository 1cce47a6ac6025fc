"""Tensors as bytes. Source: Open Inference Protocol, "Binary Tensor Data Extension"."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.budget import allowed_seconds
from app.errors import BadRequest, WrongShape
from app.inference.datatypes import BYTES, Datatype

Array = NDArray[Any]
MOST_AXES = 16
MOST_TENSORS = 1024  # inputs of a request, and outputs that are wanted
MOST_EMPTY = 65_536  # elements that a tensor of none would have, were its axes of no size of one
LENGTH = struct.Struct("<I")  # before each element of BYTES
ALIGNMENT = 16  # bytes, of what NumPy allocates
MOST_STRINGS = 50_000  # elements of a request: each takes the event loop some microseconds,
STRING_SECONDS = 3e-6  # to read it, run it through a small model and write it


def shape_of(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Raises WrongShape where they are no shape."""
    if len(sizes) > MOST_AXES or not all(type(size) is int and 0 <= size < 2**31 for size in sizes):
        raise WrongShape(f"a shape is a list of up to {MOST_AXES} whole numbers from 0 to {2**31 - 1:,}; others came")
    if 0 in sizes and math.prod(size or 1 for size in sizes) > MOST_EMPTY:
        raise WrongShape(f"a tensor of no elements has other axes of up to {MOST_EMPTY:,} together; got {list(sizes)}")
    return tuple(sizes)


def check_tensors(inputs: int, outputs: int) -> None:
    """How many came, and are wanted. Raises BadRequest."""
    if max(inputs, outputs) > MOST_TENSORS:
        raise BadRequest(
            f"a request has up to {MOST_TENSORS:,} inputs, and wants so many outputs; {inputs:,} and {outputs:,} came"
        )


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


def aligned(values: Array) -> Array:
    """At an address where arrays begin: elsewhere ONNX Runtime forms sums in another order. Else copied."""
    return values if values.__array_interface__["data"][0] % ALIGNMENT == 0 else values.copy()


def view(values: Array) -> memoryview:
    """The bytes of numbers, row by row, without a copy where they lie so."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


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


def check_strings(count: int, sent_bytes: int | None = None) -> None:
    """How many a request holds; where it came packed, by what was sent. Raises WrongShape where that is too many."""
    most = MOST_STRINGS
    if sent_bytes is not None:
        most = min(most, int(allowed_seconds(sent_bytes, many=True) / STRING_SECONDS))
    if count > most:
        raise WrongShape(f"a request of this size holds at most {most:,} elements of {BYTES}; {count:,} came")
