"""The servers that digitserve is measured against, each in its documented fast configuration for one core.

A peer is started as `PYTHON server.py MODEL.onnx PORT`, listens on 127.0.0.1 alone, is ready once its own request
is answered with 200, and ends with all its children on SIGTERM. Which configurations were tried, and why the one
there was kept, stands at the top of each server.py; the figures there are rough, from seconds on a shared machine, and
where others held the core they come from the CPU time of a request. This module imports the standard library only.
"""

import base64
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

SIDE = 28  # pixels; a frame is SIDE * SIDE bytes, row by row, 0 = background, 255 = ink


class Request(NamedTuple):
    """One POST that asks about one frame."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Peer:
    """A server, what runs it, and how to speak to it.

    `distribution` is the package whose version is reported. `interpreter` makes the peer's environment; with None the
    server runs in the project's own. `request` turns the bytes of one uint8 [28, 28] frame into the fastest request
    that the peer documents, and `digit` reads the answer: None where the server has no model.
    """

    name: str
    distribution: str
    request: Callable[[bytes], Request]
    digit: Callable[[bytes], int | None]
    interpreter: str | None = sys.executable

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.name

    @property
    def server(self) -> Path:
        return self.folder / "server.py"

    @property
    def lock(self) -> Path:
        return self.folder / "requirements.lock"


def raw(frame: bytes) -> Request:
    """The pixels, and nothing else."""
    return Request("/predict", {"Content-Type": "application/octet-stream"}, frame)


def rows(frame: bytes) -> Request:
    """The pixels as numbers in nested lists."""
    return _json("/predict", {"pixels": [list(frame[start : start + SIDE]) for start in range(0, len(frame), SIDE)]})


def base64_image(frame: bytes) -> Request:
    return _json("/predict", {"image": _base64(frame)})


def open_inference_base64(frame: bytes) -> Request:
    """Open Inference Protocol, REST, with the pixels as one base64 element: MLServer's `base64` content type."""
    image = {
        "name": "image",
        "shape": [1, 1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [_base64(frame)],
    }
    return _json("/v2/models/digits/infer", {"inputs": [image]})


def open_inference_binary(frame: bytes) -> Request:
    """Open Inference Protocol, REST, with Triton's binary tensors both ways: a JSON head, then the pixels."""
    image = {
        "name": "image",
        "shape": [1, SIDE, SIDE],
        "datatype": "UINT8",
        "parameters": {"binary_data_size": len(frame)},
    }
    head = _compact({"inputs": [image], "parameters": {"binary_data_output": True}})
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return Request("/v2/models/digits/infer", headers, head + frame)


def nothing(answer: bytes) -> None:
    """A server without a model reads no digit."""


def json_digit(answer: bytes) -> int:
    return int(json.loads(answer)["digit"])


def open_inference_digit(answer: bytes) -> int:
    """The output `digit`, which the server puts first."""
    return int(json.loads(answer)["outputs"][0]["data"][0])


def open_inference_binary_digit(answer: bytes) -> int:
    """The answer ends with its tensors: the digit, one int64, then ten float32 probabilities."""
    return int.from_bytes(answer[-48:-40], "little")


def _json(path: str, document: Any) -> Request:
    return Request(path, {"Content-Type": "application/json"}, _compact(document))


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _base64(frame: bytes) -> str:
    return base64.b64encode(frame).decode()


PEERS: tuple[Peer, ...] = (
    Peer("uvicorn", "uvicorn", raw, nothing, interpreter=None),
    Peer("fastapi", "fastapi", rows, json_digit, interpreter=None),
    Peer("litserve", "litserve", base64_image, json_digit),
    Peer("bentoml", "bentoml", base64_image, json_digit),
    Peer("mlserver", "mlserver", open_inference_base64, open_inference_digit),
    Peer("rayserve", "ray", raw, json_digit),
    # Triton's Python backend loads the system's libpython, and works with the standard library of that build alone.
    Peer("pytriton", "nvidia-pytriton", open_inference_binary, open_inference_binary_digit, "/usr/bin/python3"),
)
