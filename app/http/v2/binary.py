"""Tensors as bytes. Source: Open Inference Protocol, "Binary Tensor Data Extension"."""

import struct

import numpy as np

from app.errors import WrongShape
from app.inference.datatypes import BYTES, Datatype
from app.serving.tensors import Array

LENGTH = struct.Struct("<I")  # before each element of BYTES
MOST_STRINGS = 50_000  # elements of a request: each takes the event loop some microseconds


def unpack(data: memoryview, datatype: Datatype, elements: int) -> Array:
    """[elements], without a copy but of BYTES. Raises WrongShape where that takes more or fewer bytes."""
    if datatype.name == BYTES:
        return _unpack_strings(data, elements)
    expected = elements * datatype.numpy.itemsize
    if len(data) != expected:
        raise WrongShape(f"{elements:,} elements of {datatype.name} take {expected:,} bytes; {len(data):,} came")
    return np.frombuffer(data, datatype.numpy)


def pack(values: Array, datatype: Datatype) -> bytes:
    """Row by row."""
    if datatype.name != BYTES:
        return values.tobytes()
    encoded = [one if isinstance(one, bytes) else str(one).encode() for one in values.ravel().tolist()]
    return b"".join(LENGTH.pack(len(one)) + one for one in encoded)


def _unpack_strings(data: memoryview, elements: int) -> Array:
    check_strings(elements)
    strings, at = np.empty(elements, np.object_), 0
    for place in range(elements):
        if at + LENGTH.size > len(data):
            raise WrongShape(f"{elements:,} elements were announced; the bytes end after {place:,}")
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        if at + length > len(data):
            raise WrongShape(f"element {place:,} is said to have {length:,} bytes; {len(data) - at:,} are left")
        strings[place] = bytes(data[at : at + length])
        at += length
    if at != len(data):
        raise WrongShape(f"{elements:,} elements were announced; {len(data) - at:,} bytes follow them")
    return strings


def check_strings(elements: int) -> None:
    """Raises WrongShape."""
    if elements > MOST_STRINGS:
        raise WrongShape(f"a request holds at most {MOST_STRINGS:,} elements of {BYTES}; {elements:,} came")
