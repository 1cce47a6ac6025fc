"""What well-behaved callers send, and what is right to answer."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import orjson
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes
from benchmarks.attack import rpc, wrappings
from benchmarks.attack.containers import saved
from benchmarks.attack.foreign import LINES, TEXTS, foreign_models
from benchmarks.attack.named import BATCH, ZIP
from benchmarks.attack.request import Request
from benchmarks.attack.tensors import in_bytes, infer, strings, tensor
from benchmarks.servers import ROOT


class Kind(NamedTuple):
    """One kind of honest request, and whether an answer of 200 to it is right."""

    wire: bytes
    is_right: Callable[[bytes], bool]


def drawings_and_frames() -> list[tuple[Request, int]]:
    """Small requests for one digit each, and the digit."""
    drawings = [(ROOT / "examples" / f"{digit}.png").read_bytes() for digit in range(10)]
    frames = [strokes.render(digit).tobytes() for digit in range(10)]
    png, raw = {"Content-Type": "image/png"}, {"Content-Type": "application/octet-stream"}
    return [
        *((Request("POST", "/v1/predict", png, body), digit) for digit, body in enumerate(drawings)),
        *((Request("POST", "/v1/predict", raw, body), digit) for digit, body in enumerate(frames)),
    ]


def honest_kinds() -> list[Kind]:
    """All kinds of requests, each with its right answer."""
    digits = np.stack([strokes.render(digit) for digit in range(10)])
    raw, npy = {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/x-npy"}
    pictures = [request.body for request, _ in drawings_and_frames()[:10]]
    kinds = [Kind(one.wire(), _says(b'"digit":%d' % digit)) for one, digit in drawings_and_frames()]
    frames = Request("POST", BATCH, raw, np.concatenate([digits] * 10).tobytes())
    lines = frames._replace(headers=raw | {"Accept": "application/x-ndjson"})
    rows = Request(
        "POST", "/v1/predict", {"Content-Type": "application/json"}, orjson.dumps({"pixels": digits[3].tolist()})
    )
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {digits.shape}}}".encode()
    array = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n" + digits.tobytes()
    boundary, form = wrappings.form("files", pictures, "plain", 1)
    in_form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    number = np.pad(
        np.hstack([255 - strokes.render(int(digit), size=120) for digit in "2026"]), 30, constant_values=255
    )
    in_order = re.compile(b".*".join(b'"digit":%d' % digit for digit in range(10)), re.DOTALL)
    kinds += [
        Kind(one.wire(), lambda body: in_order.search(body) is not None)
        for one in (
            frames,
            lines,
            Request("POST", BATCH, {"Content-Type": ZIP}, wrappings.separate_zip(pictures)),
            Request("POST", BATCH, npy, array),
            Request("POST", BATCH, in_form, form),
            Request("POST", f"{BATCH}?include=seen", in_form, form),
        )
    ]
    kinds += [
        Kind(rows.wire(), _says(b'"digit":3')),
        Kind(Request("POST", "/v1/explain", raw, digits[7].tobytes()).wire(), _says(b'"digit":7')),
        Kind(
            Request("POST", "/v1/read", {"Content-Type": "image/png"}, saved(Image.fromarray(number), "PNG")).wire(),
            _says(b'"text":"2026"'),
        ),
    ]
    gets = {"/health/ready": b"ready", "/v1/models": b"digits", "/": b"<html", "/metrics": b"digitserve_requests_total"}
    return kinds + [Kind(Request("GET", path, {}, b"").wire(), _says(said)) for path, said in gets.items()]


def _says(what: bytes) -> Callable[[bytes], bool]:
    return lambda body: what in body


def tensor_kinds() -> list[Kind]:
    """Requests on named tensors, whose answers are those of ONNX Runtime in this process."""
    kinds, random = [], np.random.default_rng(0)
    for name, content in foreign_models().items():
        session = onnxruntime.InferenceSession(content, _alone())
        for rows, width in ((1, 5), (3, 200), (70, 11)):
            values = _values(name, rows, width, random)
            (expected,) = session.run(None, {"x": values})
            equals = partial(_is_close if name == LINES else _ends_with, expected)
            kinds += [Kind(one.wire(), equals) for one in _asked(name, values)]
    return kinds


def _alone() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # with others, sums are formed in another order
    options.log_severity_level = 3
    return options


def _values(name: str, rows: int, width: int, random: np.random.Generator) -> NDArray[Any]:
    if name == LINES:
        return random.random((1, 3, 48, 10 * width), np.float32)
    if name == TEXTS:
        return np.array([[f"{row} {column}" for column in range(width)] for row in range(rows)], np.object_)
    return random.random((rows, width), np.float32)


def _asked(name: str, values: NDArray[Any]) -> list[Request]:
    """In bytes and in JSON, for answers in bytes; and over gRPC."""
    datatype = "BYTES" if name == TEXTS else "FP32"
    data = strings([one.encode() for one in values.ravel()]) if name == TEXTS else values.tobytes()
    said = tensor("x", datatype, list(values.shape), data=values.ravel().tolist())
    wanted = {"binary_data_output": True}
    as_bytes = {"inputs": [in_bytes("x", datatype, list(values.shape), len(data))], "parameters": wanted}
    return [
        infer(name, as_bytes, data),
        rpc.infer(name, as_bytes, data),
        rpc.infer(name, {"inputs": [said]}),
        infer(name, {"inputs": [said], "parameters": wanted}),
    ]


def _ends_with(expected: NDArray[Any], body: bytes) -> bool:
    """The bytes of the one output end the answer, bit for bit."""
    if expected.dtype == np.object_:
        return body.endswith(strings([str(one).encode() for one in expected.ravel()]))
    return body.endswith(expected.tobytes())


def _is_close(expected: NDArray[Any], body: bytes) -> bool:
    """The same, but for sums that are formed in another order where rows of others are run besides."""
    values = np.frombuffer(body[-expected.nbytes :], expected.dtype)
    return np.allclose(values, expected.ravel(), atol=1e-4)
