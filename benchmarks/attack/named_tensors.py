"""Attacks on the Open Inference Protocol: what its sizes, names, codings and extensions could be made to cost."""

from collections.abc import Callable

import numpy as np

from benchmarks.attack import rpc
from benchmarks.attack.foreign import CENTRED, DOUBLED, LINES, TEXTS
from benchmarks.attack.request import RPC, Request
from benchmarks.attack.tensors import in_bytes, infer, json_of, packed, strings, tensor

LARGEST = 2**31 - 1  # of an axis
MEGABYTE = 1_000_000


def zeros(
    shape: list[int], coding: str = "", model: str = DOUBLED, *, in_json: bool = False, classes: int = 0
) -> Request:
    """Of floats, with an answer in bytes unless in JSON, and what else is wanted of its output."""
    data = bytes(4 * int(np.prod(shape, dtype=object)))
    outputs = [{"name": "y", "parameters": {"binary_data": not in_json, "classification": classes}}]
    document = {"inputs": [in_bytes("x", "FP32", shape, len(data))], "outputs": outputs}
    return infer(model, document, data, coding=coding)


def frames(count: int, datatype: str = "UINT8", coding: str = "", classes: int = 0) -> Request:
    """Of noise, for the digit model."""
    shape, size = ([count, 28, 28], 1) if datatype == "UINT8" else ([count, 28, 28, 1], 4)
    noise = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8).repeat(count, axis=0)
    data = noise.tobytes() if size == 1 else (noise / np.float32(255)).astype(np.float32).tobytes()
    outputs = [{"name": "probabilities", "parameters": {"classification": classes}}]
    return infer(
        "digits", {"inputs": [in_bytes("image", datatype, shape, len(data))], "outputs": outputs}, data, coding=coding
    )


def pictures(picture: bytes, count: int, coding: str = "") -> Request:
    data = strings([picture] * count)
    return infer("digits", {"inputs": [in_bytes("image", "BYTES", [count], len(data))]}, data, coding=coding)


def texts(count: int, datatype: bytes = b"BYTES", coding: str = "") -> Request:
    """In bytes, all of them empty."""
    head = b'{"inputs":[{"name":"x","datatype":"%s","shape":[1,%d],"parameters":{"binary_data_size":%d}}]}'
    return infer(TEXTS, head % (datatype, count, 4 * count), strings([b""] * count), coding=coding)


def lines(width: int, count: int = 1) -> Request:
    """For a reader of lines: every width is of another shape."""
    data = bytes(4 * count * 3 * 48 * width)
    entry = in_bytes("x", "FP32", [count, 3, 48, width], len(data))
    return infer(LINES, {"inputs": [entry], "parameters": {"binary_data_output": True}}, data)


def zeros_by_grpc(count: int, coding: str = "") -> Request:
    data = bytes(4 * count)
    return rpc.infer(DOUBLED, {"inputs": [in_bytes("x", "FP32", [1, count], len(data))]}, data, coding)


def ones(count: int, coding: str = "") -> Request:
    """As contents, over gRPC."""
    return rpc.infer(DOUBLED, {"inputs": [tensor("x", "FP32", [1, count], data=[1] * count)]}, coding=coding)


def pictures_by_grpc(picture: bytes, count: int, coding: str = "") -> Request:
    data = strings([picture] * count)
    return rpc.infer("digits", {"inputs": [in_bytes("image", "BYTES", [count], len(data))]}, data, coding)


def calls(dots: bytes) -> dict[str, Callable[[], Request]]:
    """Over gRPC."""
    return {
        "gRPC: 2.8 MB of zeros": lambda: zeros_by_grpc(700_000),
        "gRPC: gzip of 2.8 MB of zeros": lambda: zeros_by_grpc(700_000, "gzip"),
        "gRPC: 900,000 numbers as contents": lambda: ones(900_000),
        "gRPC: gzip of 900,000 numbers as contents": lambda: ones(900_000, "gzip"),
        "gRPC: a million texts": lambda: rpc.infer(
            TEXTS, {"inputs": [tensor("x", "BYTES", [1, MEGABYTE], data=[""] * MEGABYTE)]}
        ),
        "gRPC: 2 million inputs of nothing": lambda: Request(RPC, rpc.INFER, {}, b"\x2a\x00" * 2 * MEGABYTE),
        "gRPC: gzip of 2 million inputs of nothing": lambda: Request(
            RPC, rpc.INFER, {}, packed(b"\x2a\x00" * 2 * MEGABYTE, "gzip")
        ),
        "gRPC: 400 dots": lambda: pictures_by_grpc(dots, 400),
        "gRPC: gzip of 400 dots": lambda: pictures_by_grpc(dots, 400, "gzip"),
        "gRPC: a message of 5 MB": lambda: Request(RPC, rpc.INFER, {}, bytes(5 * MEGABYTE)),
    }


def attacks(dots: bytes) -> dict[str, Callable[[], Request]]:
    """By name; `dots` is a small picture that costs much."""
    empty = tensor("x", "FP32", [1, 1], data=[1])
    return {
        "v2: gzip of 16 MB of zeros": lambda: zeros([2000, 2000], "gzip"),
        "v2: gzip of 400 MB": lambda: zeros([10_000, 10_000], "gzip"),
        "v2: deflate of 8 MB of zeros, wanted in JSON": lambda: zeros([1000, 2000], "deflate", in_json=True),
        "v2: gzip of 1,000 members": lambda: zeros([1, 1], "members"),
        "v2: gzip of 20,000 frames": lambda: frames(20_000, coding="gzip"),
        "v2: gzip of JSON of 7 MB": lambda: infer(
            DOUBLED, json_of(DOUBLED, "FP32", [1, 3_500_000], _list(b"0", 3_500_000)).body, coding="gzip"
        ),
        "v2: gzip of 20,000 dots": lambda: pictures(dots, 20_000, "gzip"),
        "v2: 400 dots": lambda: pictures(dots, 400),
        "v2: 16,000 pictures of nothing": lambda: pictures(b"", 16_000),
        "v2: a shape of 16 axes, each the largest": lambda: json_of(DOUBLED, "FP32", [LARGEST] * 16, b"[]"),
        "v2: a shape of nothing, the other axes the largest": lambda: json_of(
            DOUBLED, "FP32", [0, *[LARGEST] * 3], b"[]"
        ),
        "v2: the largest number of rows of nothing": lambda: json_of(DOUBLED, "FP32", [LARGEST, 0], b"[]"),
        "v2: 60,000 rows of nothing": lambda: json_of(DOUBLED, "FP32", [60_000, 0], b"[]"),
        "v2: rows of nothing, not batched": lambda: json_of(CENTRED, "FP32", [LARGEST, 0], b"[]"),
        "v2: JSON nested 1,000 deep as a shape": lambda: infer(
            DOUBLED, b'{"inputs":[{"name":"x","datatype":"FP32","shape":' + b"[" * 1000 + b"]" * 1000 + b"}]}"
        ),
        "v2: JSON nested 1,000 deep as an id": lambda: infer(DOUBLED, b'{"id":' + b"[" * 1000 + b"]" * 1000 + b"}"),
        "v2: JSON of a million [": lambda: json_of(DOUBLED, "FP32", [1, 1], b"[" * MEGABYTE),
        "v2: JSON of 2 million {}": lambda: json_of(DOUBLED, "FP32", [1, 1], _list(b"{}", 2 * MEGABYTE)),
        "v2: JSON of 2 million []": lambda: json_of(DOUBLED, "FP32", [1, 1], _list(b"[]", 2 * MEGABYTE)),
        "v2: JSON of 300,000 long fractions": lambda: json_of(
            DOUBLED, "FP32", [1, 300_000], _list(b"0.12345678901234567890", 300_000)
        ),
        "v2: JSON of 30 MB": lambda: json_of(DOUBLED, "FP32", [1, 1], _list(b"0", 15 * MEGABYTE)),
        "v2: 50,000 texts in bytes": lambda: texts(50_000),
        "v2: 50,000 texts in bytes, BYTES spelt as an escape": lambda: texts(50_000, rb"\u0042YTES"),
        "v2: gzip of 20,000 texts": lambda: texts(20_000, coding="gzip"),
        "v2: a million texts in bytes": lambda: texts(MEGABYTE),
        "v2: 50,000 texts in JSON": lambda: json_of(TEXTS, "BYTES", [1, 50_000], _list(b'""', 50_000)),
        "v2: a million texts in JSON": lambda: json_of(TEXTS, "BYTES", [1, MEGABYTE], _list(b'""', MEGABYTE)),
        "v2: 100,000 inputs": lambda: infer(
            DOUBLED, {"inputs": [tensor(str(number), "INT8", [0], data=[]) for number in range(100_000)]}
        ),
        "v2: 300,000 outputs": lambda: infer(DOUBLED, {"inputs": [empty], "outputs": [{"name": "y"}] * 300_000}),
        "v2: an output of 1 MB wanted 500 times": lambda: _wanted_often(500),
        "v2: a million classes": lambda: zeros([1, MEGABYTE], classes=10**18),
        "v2: 3 classes of 100,000 columns each": lambda: zeros([80, 100_000], classes=3),
        "v2: 10 classes of 5,000 frames": lambda: frames(5_000, classes=10),
        "v2: 16,000 frames": lambda: frames(16_000),
        "v2: 40,000 frames": lambda: frames(40_000),
        "v2: 10,000 frames as fractions": lambda: frames(10_000, "FP32"),
        "v2: 6 million floats": lambda: zeros([3000, 2000]),
        "v2: 6 million floats, wanted in JSON": lambda: zeros([3000, 2000], in_json=True),
        "v2: 3 million rows": lambda: zeros([3 * MEGABYTE, 1]),
        "v2: 3 million rows, not batched": lambda: zeros([3 * MEGABYTE, 2], model=CENTRED),
        "v2: a long id": lambda: infer(DOUBLED, {"inputs": [empty], "id": "a" * 60_000}),
        "v2: JSON's length said as 10^11": lambda: infer(DOUBLED, {"inputs": [empty]}, claimed=10**11),
        "v2: a long line": lambda: lines(1500),
        "v2: a line of 20,000 columns": lambda: lines(20_000),
    }


def _list(value: bytes, count: int) -> bytes:
    return b"[" + b",".join([value] * count) + b"]"


def _wanted_often(times: int) -> Request:
    data = bytes(MEGABYTE)
    wanted = [{"name": "y", "parameters": {"binary_data": True}}] * times
    document = {"inputs": [in_bytes("x", "FP32", [1, MEGABYTE // 4], MEGABYTE)], "outputs": wanted}
    return infer(DOUBLED, document, data)
