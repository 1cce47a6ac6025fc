"""A service that is none, for tests of programs that use the client: no network, no model.

service = FakeService(digit=7)
with Client(transport=service) as client:
    assert client.predict(bytes(784)).digit == 7
assert len(service.requests) == 1
"""

import base64
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import BytesIO
from typing import Any

import httpx

from digitserve_client import png
from digitserve_client.images import FRAME_BYTES, RAW
from digitserve_client.results import Limits

SIDE, DIGITS = 28, 10
SURE = 0.991
MODEL = {"name": "fake", "version": "1"}
PICTURE = base64.b64encode(png.encode(bytes(FRAME_BYTES), SIDE, SIDE, 1)).decode()
FILE_NAME = re.compile(rb'filename="([^"]*)"')


class FakeService(httpx.MockTransport):
    """A transport for Client and AsyncClient that answers as the service does, whatever is sent.

    `digit` is what every image shows, or a function that is given an image's bytes and says it: the 784 of a frame, or
    a file's. `requests` holds all that came, in order.
    """

    def __init__(self, digit: int | Callable[[bytes], int] = 7, limits: Limits | None = None) -> None:
        """`limits` are those that it tells."""
        super().__init__(self._answer)
        self.requests: list[httpx.Request] = []
        self._digit = digit if callable(digit) else lambda _: digit
        self._limits = limits or Limits()
        self._failures: list[tuple[int, str, float | None]] = []
        self._lock = threading.Lock()

    def fail(self, status: int, code: str = "made_up", *, times: int = 1, retry_after: float | None = None) -> None:
        """The next so many requests for anything to be read are refused; `retry_after` is in seconds."""
        self._failures += [(status, code, retry_after)] * times

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "POST":
            with self._lock:
                failure = self._failures.pop(0) if self._failures else None
            if failure:
                return _problem(*failure)
        answer = {
            "/health/ready": self._ready,
            "/v1/limits": lambda _: httpx.Response(200, json=asdict(self._limits)),
            "/v1/models": self._models,
            "/v1/predict": self._predict,
            "/v1/predict/batch": self._batch,
            "/v1/explain": self._explain,
            "/v1/read": self._read,
        }.get(request.url.path)
        return answer(request) if answer else _problem(404, "not_found", None)

    def _ready(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "ready", "model": MODEL["name"], "version": MODEL["version"]})

    def _models(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"models": [{**MODEL, "task": "digits", "default": True}]})

    def _predict(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**self._item(request.content, request), "model": MODEL})

    def _batch(self, request: httpx.Request) -> httpx.Response:
        items = [{**self._item(content, request), **named} for content, named in _images(request)]
        if "application/x-npy" in request.headers["Accept"]:
            return httpx.Response(200, content=_npy([item["probabilities"] for item in items]))
        return httpx.Response(200, json={"predictions": items, "count": len(items), "failed": 0, "model": MODEL})

    def _explain(self, request: httpx.Request) -> httpx.Response:
        item, values = self._item(request.content, request), [[0.0] * SIDE] * SIDE
        second = {"digit": (item["digit"] + 1) % DIGITS, "confidence": 0.001, "values": values, "heatmap": PICTURE}
        explained = {"heatmap": PICTURE, "explanation": {"values": values, "runner_up": second}}
        return httpx.Response(200, json={**item, **explained, "model": MODEL})

    def _read(self, request: httpx.Request) -> httpx.Response:
        digit = self._digit(request.content)
        box = [0.0, 0.0, float(SIDE), float(SIDE)]
        number = {
            **{"text": str(digit), "raw": str(digit), "confidence": SURE, "decision": "accept", "box": box, "line": 0},
            "digits": [{"digit": digit, "confidence": SURE, "box": box}],
            "alternatives": [],
        }
        return httpx.Response(200, json={"text": str(digit), "numbers": [number], "model": MODEL})

    def _item(self, content: bytes, request: httpx.Request) -> dict[str, Any]:
        digit = self._digit(content)
        probabilities = [SURE if one == digit else (1 - SURE) / (DIGITS - 1) for one in range(DIGITS)]
        item: dict[str, Any] = {"digit": digit, "confidence": SURE, "decision": "accept", "energy": -9.0}
        item["probabilities"] = probabilities
        if len(content) != FRAME_BYTES:
            item["input"] = {"verdict": "ok", "advice": "", "steps": ["decode"]}
        return {**item, "seen": PICTURE} if "seen" in request.url.params.get("include", "") else item


def _images(request: httpx.Request) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Each image of a batch, with its file's name where it has one."""
    kind, content = request.headers["Content-Type"], request.content
    if kind == RAW:
        yield from ((content[start : start + FRAME_BYTES], {}) for start in range(0, len(content), FRAME_BYTES))
        return
    boundary = kind.partition("boundary=")[2].encode()
    for part in content.split(b"--" + boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        name = FILE_NAME.search(head)
        yield body.removesuffix(b"\r\n"), {"name": name[1].decode()} if name else {}


def _npy(rows: list[list[float]]) -> bytes:
    import numpy as np  # who asks for arrays has it

    file = BytesIO()
    np.save(file, np.array(rows, np.float32))
    return file.getvalue()


def _problem(status: int, code: str, retry_after: float | None) -> httpx.Response:
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    problem = {
        "type": "about:blank",
        "title": "Made up",
        "status": status,
        "code": code,
        "detail": "a test wanted it",
    }
    return httpx.Response(status, json=problem, headers=headers)
