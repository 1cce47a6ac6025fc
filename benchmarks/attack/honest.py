"""What well-behaved callers send, and what is right to answer."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import orjson
from PIL import Image

from app.tasks.digits import strokes
from benchmarks.attack import wrappings
from benchmarks.attack.containers import saved
from benchmarks.attack.named import BATCH, ZIP
from benchmarks.attack.service import Request
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
