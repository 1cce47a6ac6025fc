"""Requests of the Open Inference Protocol, honest ones and such as no client would make."""

import json
import struct
import zlib
from typing import Any

from benchmarks.attack.request import Request

SIZE_OF = {"BOOL": 1, "UINT8": 1, "INT8": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8, "FP64": 8}
CODINGS = ("", "gzip", "deflate", "members", "not packed")
GZIP, ZLIB = 31, 15  # zlib's windowBits
MEMBERS = 1000  # of a gzip file that has many
Entry = dict[str, Any]


def tensor(name: str, datatype: str, shape: list[Any], **more: Any) -> Entry:
    return {"name": name, "datatype": datatype, "shape": shape, **more}


def in_bytes(name: str, datatype: str, shape: list[Any], size: int, **more: Any) -> Entry:
    """One whose data follow the JSON."""
    return tensor(name, datatype, shape, parameters={"binary_data_size": size}, **more)


def infer(model: str, document: Any, data: bytes = b"", *, coding: str = "", claimed: int | None = None) -> Request:
    """`document` may be JSON already; `data` are the bytes that follow it; `claimed` is how much is said to be JSON."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    if data and claimed is None:
        claimed = len(text)
    split = {} if claimed is None else {"Inference-Header-Content-Length": str(claimed)}
    return Request(
        "POST",
        f"/v2/models/{model}/infer",
        split | ({"Content-Encoding": _said(coding)} if coding else {}),
        packed(text + data, coding),
    )


def json_of(model: str, datatype: str, shape: list[Any], data: bytes, **more: Any) -> Request:
    """One input "x" whose values are said as they are."""
    head = json.dumps(tensor("x", datatype, shape)).encode()[:-1]
    rest = b"".join(f',"{name}":{json.dumps(value)}'.encode() for name, value in more.items())
    return infer(model, b'{"inputs":[' + head + b',"data":' + data + b"}]" + rest + b"}")


def strings(parts: list[bytes]) -> bytes:
    """As the protocol has them in bytes."""
    return b"".join(struct.pack("<I", len(one)) + one for one in parts)


def packed(body: bytes, coding: str) -> bytes:
    if coding in ("", "not packed"):
        return body
    if coding == "members":
        return packed(body, "gzip") + packed(b"", "gzip") * MEMBERS
    packing = zlib.compressobj(9, wbits=GZIP if coding == "gzip" else ZLIB)
    return packing.compress(body) + packing.flush()


def _said(coding: str) -> str:
    return "deflate" if coding == "deflate" else "gzip"
