"""A tiny real HTTP server that answers what a test wrote down for it, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FOUR: dict[str, Any] = {
    "digit": 4,
    "confidence": 0.97,
    "decision": "accept",
    "probabilities": [0.0, 0.0, 0.0, 0.0, 0.97, 0.0, 0.0, 0.0, 0.0, 0.03],
}
MODEL = {"name": "digits", "version": "1"}
TIMING = 'queue;dur=0.2, infer;dur=1.5;desc="batch of 3, on cpu"'


@dataclass(frozen=True)
class Answer:
    """What to say; `hang` seconds first, or nothing at all when `close`, or `raw` bytes in place of HTTP."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    close: bool = False
    raw: bytes = b""


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `at` is in monotonic seconds."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Script:
    """Answers are used up from the front; the last one stays, and may be made of what was asked.

    What is told as /v1/limits stands beside them, after `limits_after` seconds, and is by default that there is no such
    path.
    """

    url: str
    answers: list[Answer | Callable[[Asked], Answer]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    limits: dict[str, Any] | None = None
    limits_after: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, asked: Asked) -> Answer:
        if asked.path == "/v1/limits":
            told = {"status": 404} if self.limits is None else {"body": self.limits}
            return Answer(**told, hang=self.limits_after)
        with self.lock:
            self.asked.append(asked)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(asked) if callable(answer) else answer


def four(**extra: Any) -> Answer:
    """A good answer of /v1/predict."""
    return Answer(body=FOUR | {"model": MODEL} | extra, headers={"Server-Timing": TIMING})


def batch(*items: dict[str, Any]) -> Answer:
    """A good answer of /v1/predict/batch."""
    failed = sum("error" in item for item in items)
    body = {"predictions": list(items), "count": len(items), "failed": failed, "model": MODEL}
    return Answer(body=body, headers={"Server-Timing": TIMING})


def numbered(asked: Asked) -> Answer:
    """To a batch of raw frames: for each, its first byte as its digit."""
    return batch(*(FOUR | {"digit": asked.body[start]} for start in range(0, len(asked.body), 784)))


def problem(status: int, code: str = "some_code", **headers: str) -> Answer:
    """An error as the service sends it; `Retry_After="1"` becomes the header Retry-After."""
    body = {
        "type": f"/problems#{code}",
        "title": "T",
        "status": status,
        "code": code,
        "detail": f"detail of {code}",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/problem+json"} | named)


@contextmanager
def serving(port: int = 0) -> Iterator[Script]:
    """A running server and its script; by default on a free port."""
    script = Script("")
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"script": script}))
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # connections that wait to be accepted; 5 by default, and the next one is reset


class _Handler(BaseHTTPRequestHandler):
    script: Script
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._say(self.script.next(Asked(self.command, self.path, headers, body, time.monotonic())))

    do_POST = do_GET

    def _say(self, answer: Answer) -> None:
        time.sleep(answer.hang)
        if answer.close or answer.raw:
            self.wfile.write(answer.raw)
            self.close_connection = True
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        defaults = {"Content-Type": "application/json", "X-Request-ID": "request-1"}
        for name, value in (defaults | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        with suppress(ConnectionResetError, BrokenPipeError):  # clients give up: some tests are about that
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass
