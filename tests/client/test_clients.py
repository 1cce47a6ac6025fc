"""Both clients against a real server: one suite, since they must not differ."""

import asyncio
import re
import socket
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import digitserve_client as api
import numpy as np
import pytest
from digitserve_client import AsyncClient, Client
from PIL import Image

from .scripted import FOUR, Answer, Asked, Script, batch, four, problem

FRAME = np.arange(784, dtype=np.uint8).reshape(28, 28)
PHOTO = np.zeros((30, 20, 3), np.uint8)


def call_sync(url: str, method: str, *arguments: Any, settings: dict[str, Any], **options: Any) -> Any:
    with Client(url, **settings) as client:
        return getattr(client, method)(*arguments, **options)


def call_async(url: str, method: str, *arguments: Any, settings: dict[str, Any], **options: Any) -> Any:
    async def main() -> Any:
        async with AsyncClient(url, **settings) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(main())


class Caller:
    """One of the two clients, called the same way."""

    def __init__(self, script: Script, call: Any) -> None:
        self.script, self._call = script, call

    def __call__(self, method: str, *arguments: Any, settings: dict[str, Any] | None = None, **options: Any) -> Any:
        return self._call(self.script.url, method, *arguments, settings=settings or {}, **options)


@pytest.fixture(params=[call_sync, call_async], ids=["Client", "AsyncClient"])
def call(request: pytest.FixtureRequest, script: Script) -> Caller:
    return Caller(script, request.param)


def test_a_frame_goes_out_raw_and_comes_back_typed(call: Caller, script: Script) -> None:
    script.answers = [four()]
    prediction = call("predict", FRAME, settings={"api_key": "secret"}, model="digits", version="2")
    assert (prediction.digit, prediction.model.name, prediction.request_id) == (4, "digits", "request-1")
    assert prediction.server_timing == {"queue": 0.2, "infer": 1.5}
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", "/v1/predict?model=digits&version=2")
    assert asked.body == FRAME.tobytes()
    assert asked.headers["content-type"] == "application/octet-stream"
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.headers["user-agent"].startswith("digitserve-client/")
    assert "x-deadline-ms" not in asked.headers


@pytest.mark.parametrize("form", ["path", "bytes", "file", "array", "pillow"])
def test_every_form_of_an_image_arrives(call: Caller, script: Script, form: str, tmp_path: Path) -> None:
    file = BytesIO()
    Image.fromarray(PHOTO).save(file, "PNG")
    (tmp_path / "0.png").write_bytes(file.getvalue())
    file.seek(0)
    forms = {
        "path": tmp_path / "0.png",
        "bytes": file.getvalue(),
        "file": file,
        "array": PHOTO,
        "pillow": Image.fromarray(PHOTO),
    }
    script.answers = [four()]
    call("predict", forms[form])
    assert script.asked[0].headers["content-type"] == "image/png"
    with Image.open(BytesIO(script.asked[0].body)) as image:
        np.testing.assert_array_equal(np.asarray(image), PHOTO)


def test_frames_go_out_end_to_end(call: Caller, script: Script) -> None:
    script.answers = [batch(FOUR, FOUR, FOUR)]
    predictions = call("predict_batch", np.stack([FRAME] * 3), include_seen=True)
    assert [prediction.digit for prediction in predictions] == [4, 4, 4]
    assert script.asked[0].path == "/v1/predict/batch?include=seen"
    assert script.asked[0].body == FRAME.tobytes() * 3


def test_a_mixed_batch_goes_out_as_multipart_and_failures_come_back_as_values(
    call: Caller, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "b.gif").write_bytes(b"GIF89a")
    error = {"code": "undecodable", "detail": "it ends early", "status": 422, "title": "T"}
    script.answers = [batch(FOUR, {"error": error, "name": "b.gif"}, FOUR)]
    first, second, third = call("predict_batch", [FRAME, tmp_path / "b.gif", PHOTO])
    assert (first.digit, third.digit) == (4, 4)
    assert isinstance(second, api.ItemError)
    assert (second.code, second.detail, second.name) == ("undecodable", "it ends early", "b.gif")
    body = script.asked[0].body
    assert re.findall(rb"form-data; (.+)\r\nContent-Type: (\S+)\r\n", body) == [
        (b'name="files"', b"application/octet-stream"),
        (b'name="files"; filename="b.gif"', b"image/gif"),
        (b'name="files"', b"image/png"),
    ]
    assert FRAME.tobytes() in body


def test_models_and_readiness(call: Caller, script: Script) -> None:
    script.answers = [Answer(body={"models": [{"name": "digits", "version": "1"}]})]
    assert [model.name for model in call("models")] == ["digits"]
    script.answers = [Answer(body={})]
    assert call("ready") is True
    script.answers = [problem(503, Retry_After="1")]
    assert call("ready") is False
    assert [asked.path for asked in script.asked] == ["/v1/models", "/health/ready", "/health/ready"]


@pytest.mark.parametrize(
    "trouble",
    [
        problem(429, Retry_After="0"),
        problem(503),
        Answer(close=True),
        Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    ],
    ids=["429", "503", "closed", "garbage", "cut off"],
)
def test_trouble_that_passes_is_not_noticed(call: Caller, script: Script, trouble: Answer) -> None:
    script.answers = [trouble, four()]
    assert call("predict", FRAME).digit == 4
    assert [asked.body for asked in script.asked] == [FRAME.tobytes()] * 2


@pytest.mark.parametrize(
    ("trouble", "kind", "tries"),
    [
        (problem(503, "draining"), api.Unavailable, 2),
        (Answer(close=True), api.ConnectionFailed, 2),
        (problem(422, "no_ink"), api.Undecodable, 1),
        (problem(500, "internal_error"), api.InternalError, 1),
        (Answer(502, b"<html>", {"Content-Type": "text/html"}), api.InternalError, 1),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html"}), api.InvalidAnswer, 1),
        (Answer(body=b"x", headers={"Content-Encoding": "gzip"}), api.InvalidAnswer, 1),
    ],
    ids=["503", "closed", "422", "500", "502 page", "200 page", "not gzip"],
)
def test_trouble_that_stays_is_raised(
    call: Caller, script: Script, trouble: Answer, kind: type[Any], tries: int
) -> None:
    script.answers = [trouble]
    with pytest.raises(api.DigitserveError) as raised:
        call("predict", FRAME, settings={"retries": 1})
    assert type(raised.value) is kind
    assert len(script.asked) == tries


def test_an_error_tells_what_the_service_said(call: Caller, script: Script) -> None:
    script.answers = [problem(422, "no_ink")]
    with pytest.raises(api.Undecodable) as raised:
        call("predict", FRAME)
    error = raised.value
    assert (error.status, error.code, error.detail) == (422, "no_ink", "detail of no_ink")
    assert error.request_id == "request-1"


def test_retry_after_is_obeyed(call: Caller, script: Script) -> None:
    script.answers = [problem(429, Retry_After="0.4"), four()]
    call("predict", FRAME, deadline_ms=5000)
    first, second = script.asked
    assert 0.4 <= second.at - first.at < 2
    assert 4000 < int(first.headers["x-deadline-ms"]) <= 5000
    assert int(second.headers["x-deadline-ms"]) <= int(first.headers["x-deadline-ms"]) - 400


def test_a_read_timeout_is_not_tried_again(call: Caller, script: Script) -> None:
    script.answers = [Answer(body={}, hang=2.0)]
    with pytest.raises(api.Timeout):
        call("predict", FRAME, settings={"timeout": 0.3})
    assert len(script.asked) == 1


def test_a_deadline_ends_the_wait(call: Caller, script: Script) -> None:
    script.answers = [Answer(body={}, hang=2.0)]
    began = time.monotonic()
    with pytest.raises(api.DeadlineExceeded):
        call("predict", FRAME, deadline_ms=300)
    assert time.monotonic() - began < 1.8


def test_nobody_there(call: Caller, script: Script) -> None:
    with socket.socket() as taken:  # bound but not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        script.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert call("ready") is False
        with pytest.raises(api.ConnectionFailed, match="is the service running at this address"):
            call("predict", FRAME, settings={"retries": 1})


def test_a_service_under_a_path(call: Caller, script: Script) -> None:
    script.answers = [four()]
    script.url += "/digits/"
    call("predict", FRAME)
    assert script.asked[0].path == "/digits/v1/predict"


def test_a_wrong_array_never_reaches_the_network(call: Caller, script: Script) -> None:
    with pytest.raises(ValueError, match="float64"):
        call("predict", FRAME / 255)
    assert script.asked == []


def test_an_async_client_may_be_asked_everything_at_once(script: Script) -> None:
    script.answers = [four()]

    async def main() -> int:
        async with AsyncClient(script.url, retries=0) as client:
            return len(await asyncio.gather(*(client.predict(FRAME) for _ in range(300))))

    assert asyncio.run(main()) == len(script.asked) == 300


@pytest.mark.parametrize("method", ["predict_batch", "probabilities"])
def test_an_async_clients_batches_wait_their_turn_too(script: Script, method: str) -> None:
    under_way: list[Asked] = []
    most: list[int] = []

    def counted(asked: Asked) -> Answer:
        under_way.append(asked)
        most.append(len(under_way))
        time.sleep(0.3)
        under_way.remove(asked)
        return batch(FOUR)

    script.answers = [counted]

    async def main() -> None:
        async with AsyncClient(script.url) as client:
            await asyncio.gather(*(getattr(client, method)([PHOTO]) for _ in range(60)))

    asyncio.run(main())
    assert len(script.asked) == 60
    assert max(most) <= 16


def test_a_call_that_waits_to_try_again_keeps_none_from_its_turn(script: Script) -> None:
    script.answers = [*[problem(429, Retry_After="2")] * 16, four()]

    async def main() -> float:
        async with AsyncClient(script.url) as client:
            refused = [asyncio.create_task(client.predict(FRAME)) for _ in range(16)]
            while len(script.asked) < 16:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await client.predict(FRAME)
            took = time.monotonic() - began
            await asyncio.gather(*refused)
            return took

    assert asyncio.run(main()) < 1


def test_a_deadline_counts_while_an_async_call_waits_its_turn(script: Script) -> None:
    script.answers = [lambda _: (time.sleep(1.0), batch(FOUR))[1]]

    async def main() -> list[Any]:
        async with AsyncClient(script.url) as client:
            first = [asyncio.create_task(client.predict_batch([PHOTO])) for _ in range(16)]
            while len(script.asked) < 16:
                await asyncio.sleep(0.01)
            late = [client.predict(PHOTO, deadline_ms=100) for _ in range(4)]
            return await asyncio.gather(*first, *late, return_exceptions=True)

    found = asyncio.run(main())
    assert [isinstance(one, api.DeadlineExceeded) for one in found] == [False] * 16 + [True] * 4
    assert len(script.asked) == 16, "what came too late is not sent"


def test_the_event_loop_goes_on_while_an_async_client_waits(script: Script) -> None:
    script.answers = [Answer(body=four().body, hang=0.4)]

    async def main() -> float:
        async with AsyncClient(script.url) as client:
            began = time.monotonic()
            await asyncio.gather(*(client.predict(FRAME) for _ in range(5)))
            return time.monotonic() - began

    assert asyncio.run(main()) < 1.8
