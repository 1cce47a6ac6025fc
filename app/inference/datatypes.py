"""Types of tensors: the Open Inference Protocol's names, ONNX Runtime's and NumPy's.

Source: Open Inference Protocol 2.0, "Tensor Data Types"; ONNX Runtime's names are ONNX's, as in `tensor(float)`.
"""

from typing import NamedTuple

import numpy as np

from app.errors import BadRequest

BYTES = "BYTES"


class Datatype(NamedTuple):
    name: str
    """The protocol's."""
    onnx: str
    numpy: np.dtype
    """Of BYTES: of objects, which are `bytes` on their way and `str` within ONNX Runtime."""


DATATYPES = [
    Datatype(name, f"tensor({onnx})", np.dtype(numpy))
    for name, onnx, numpy in (
        ("BOOL", "bool", np.bool_),
        ("UINT8", "uint8", np.uint8),
        ("UINT16", "uint16", np.uint16),
        ("UINT32", "uint32", np.uint32),
        ("UINT64", "uint64", np.uint64),
        ("INT8", "int8", np.int8),
        ("INT16", "int16", np.int16),
        ("INT32", "int32", np.int32),
        ("INT64", "int64", np.int64),
        ("FP16", "float16", np.float16),
        ("FP32", "float", np.float32),
        ("FP64", "double", np.float64),
        (BYTES, "string", np.object_),
    )
]
BY_NAME = {one.name: one for one in DATATYPES}
BY_ONNX = {one.onnx: one for one in DATATYPES}


def datatype_named(name: str) -> Datatype:
    """By the protocol's name. Raises BadRequest."""
    if name not in BY_NAME:
        raise BadRequest(f"a datatype is one of {', '.join(BY_NAME)}; got {name[:40]!r}")
    return BY_NAME[name]
