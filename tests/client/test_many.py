"""Very many images through both clients: in order, each once, whatever happens to the service meanwhile."""

import asyncio
import itertools
import logging
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import digitserve_client as api
import numpy as np
import psutil
import pytest
from digitserve_client import AsyncClient, Client, chunks
from numpy.typing import NDArray
from opentelemetry import propagate, trace
from PIL import Image

from tests.conftest import Process, Serve

from .scripted import Answer, Script, numbered, problem, serving
from .test_clients import Caller, call_async, call_sync


def many_sync(url: str, method: str, *arguments: Any, settings: dict[str, Any], **options: Any) -> list[Any]:
    with Client(url, **settings) as client:
        return list(getattr(client, method)(*arguments, **options))


def many_async(url: str, method: str, *arguments: Any, settings: dict[str, Any], **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        async with AsyncClient(url, **settings) as client:
            return [one async for one in getattr(client, method)(*arguments, **options)]

    return asyncio.run(main())


@pytest.fixture(params=[many_sync, many_async], ids=["Client", "AsyncClient"])
def many(request: pytest.FixtureRequest, script: Script) -> Caller:
    return Caller(script, request.param)


@pytest.fixture(params=[call_sync, call_async], ids=["Client", "AsyncClient"])
def call(request: pytest.FixtureRequest, script: Script) -> Caller:
    return Caller(script, request.param)


SMALL = 5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many frames in a chunk, that a few are many chunks."""
    monkeypatch.setattr(chunks, "FRAMES", SMALL)


def frames(count: int) -> NDArray[np.uint8]:
    """Frames whose first pixel is their number."""
    made = np.zeros((count, 28, 28), np.uint8)
    made[:, 0, 0] = np.arange(count) % 256
    return made


def free_port() -> int:
    """Of a service that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def digits(answers: list[Any]) -> list[int]:
    return [one.digit for one in answers]


@pytest.mark.parametrize("form", [frames, lambda count: list(frames(count)), lambda count: iter(frames(count))])
@pytest.mark.usefixtures("small")
def test_answers_come_in_order_though_chunks_do_not(many: Caller, script: Script, form: Any) -> None:
    def slower_first(asked: Any) -> Answer:
        time.sleep(0.02 * (asked.body[0] % 3))
        return numbered(asked)

    script.answers = [slower_first]
    assert digits(many("predict_many", form(101))) == list(range(101))
    assert len(script.asked) == 21


@pytest.mark.usefixtures("small")
def test_trouble_loses_nothing_and_gives_nothing_twice(many: Caller, script: Script) -> None:
    trouble = [problem(503, Retry_After="0"), Answer(close=True), problem(429, Retry_After="0"), Answer(502, b"<html>")]
    script.answers = [numbered, *trouble, numbered, *trouble, numbered]
    assert digits(many("predict_many", frames(60))) == list(range(60))


@pytest.mark.usefixtures("small")
def test_a_wrong_image_is_raised_after_the_answers_before_it(script: Script) -> None:
    script.answers = [numbered]
    with Client(script.url) as client:
        answers = client.predict_many([*frames(12), frames(1)[0] / 255])
        found = list(itertools.islice(answers, 12))
        with pytest.raises(ValueError, match="float64") as refusal:
            next(answers)
    assert digits(found) == list(range(12))
    assert refusal.value.__notes__ == ["in images[12]"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wrong", [0, 7, 11])
def test_one_image_that_breaks_the_service_is_answered_with_that(many: Caller, script: Script, wrong: int) -> None:
    script.answers = [lambda asked: problem(500, "internal_error") if wrong in asked.body[::784] else numbered(asked)]
    found = many("predict_many", frames(12))
    assert (found[wrong].status, found[wrong].code) == (500, "internal_error")
    assert digits(found[:wrong] + found[wrong + 1 :]) == [place for place in range(12) if place != wrong]


@pytest.mark.usefixtures("small")
def test_an_error_of_the_service_is_raised(many: Caller, script: Script) -> None:
    script.answers = [problem(403, "key_lacks_right")]
    with pytest.raises(api.Forbidden):
        many("predict_many", frames(60))


@pytest.mark.usefixtures("small")
def test_an_endless_source_is_taken_no_further_than_answers_are_asked_for(script: Script) -> None:
    script.answers = [numbered]
    taken = itertools.count()

    def endless() -> Iterator[Any]:
        while True:
            yield frames(1)[0] + np.uint8(next(taken) % 256)

    with Client(script.url) as client:
        answers = client.predict_many(endless(), at_once=2)
        assert len(list(itertools.islice(answers, 100))) == 100
        assert next(taken) <= 100 + 2 * 2 * SMALL + SMALL
        answers.close()
    time.sleep(0.2)
    assert len(script.asked) <= 100 / SMALL + 2 * 2, "what nobody waits for is not asked"


@pytest.mark.usefixtures("small")
def test_asyncio_takes_what_comes_as_it_comes(script: Script) -> None:
    script.answers = [numbered]

    async def endless() -> AsyncIterator[Any]:
        for place in itertools.count():
            yield frames(1)[0] + np.uint8(place % 256)
            await asyncio.sleep(0)

    async def main() -> list[int]:
        found = []
        async with AsyncClient(script.url) as client:
            answers = client.predict_many(endless())
            async for answer in answers:
                found.append(answer.digit)
                if len(found) == 50:
                    await answers.aclose()
        return found

    assert asyncio.run(main()) == list(range(50))


def test_what_an_async_source_gave_does_not_wait_for_what_it_gives_next(script: Script) -> None:
    script.answers = [numbered]

    async def main() -> list[int]:
        answered = asyncio.Event()

        async def camera() -> AsyncIterator[Any]:
            for place in itertools.count():
                yield frames(2)[place]
                answered.clear()
                await answered.wait()

        found = []
        async with AsyncClient(script.url) as client:
            answers = client.predict_many(camera())
            async for answer in answers:
                found.append(answer.digit)
                answered.set()
                if len(found) == 2:
                    await answers.aclose()
        return found

    assert asyncio.run(asyncio.wait_for(main(), 10)) == [0, 1]


@pytest.mark.usefixtures("small")
def test_whole_chunks_do_not_wait_for_a_source_that_is_iterated_in_a_thread(script: Script) -> None:
    script.answers = [numbered]
    answered = threading.Event()

    def source() -> Iterator[Any]:
        yield from frames(SMALL)
        assert answered.wait(10)
        yield frames(1)[0]

    async def main() -> list[int]:
        found = []
        async with AsyncClient(script.url) as client:
            async for answer in client.predict_many(source()):
                found.append(answer.digit)
                answered.set()
        return found

    assert asyncio.run(main()) == [*range(SMALL), 0]


def test_an_async_source_is_driven_by_one_task_and_ended_with_the_answers(script: Script) -> None:
    script.answers = [numbered]
    tasks, ended = set(), []

    async def source() -> AsyncIterator[Any]:
        try:
            while True:
                tasks.add(asyncio.current_task())
                yield frames(1)[0]
                await asyncio.sleep(0.1)
        finally:
            ended.append(True)

    async def main() -> None:
        async with AsyncClient(script.url) as client:
            answers = client.predict_many(source())
            for _ in range(3):
                await anext(answers)
            await answers.aclose()
            await asyncio.sleep(0)
            assert ended == [True]

    asyncio.run(main())
    assert len(tasks) == 1


@pytest.mark.usefixtures("small")
def test_progress_is_told_and_shown(many: Caller, script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[api.Progress] = []
    script.answers = [numbered]
    many("predict_many", frames(12), progress=seen.append)
    assert [(one.done, one.total, one.failed) for one in seen] == [(5, 12, 0), (10, 12, 0), (12, 12, 0)]
    assert seen[-1].left == 0
    for bar in ("tqdm", "rich"):
        many("predict_many", iter(frames(12)), progress=bar)
        shown = capsys.readouterr()
        assert "12" in shown.err
        assert shown.out == ""
    with pytest.raises(ValueError, match="'tqdm', 'rich' or a function"):
        many("predict_many", frames(12), progress="none")


def test_a_bar_that_is_not_installed_says_what_to_install(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with Client(script.url) as client, pytest.raises(ImportError, match=r"pip install 'digitserve-client\[tqdm\]'"):
        list(client.predict_many([], progress="tqdm"))


@pytest.mark.usefixtures("small")
def test_each_request_belongs_to_the_callers_trace(many: Caller, script: Script) -> None:
    script.answers = [numbered]
    span = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1)))
    with trace.use_span(span):
        many("predict_many", frames(12), settings={"inject": propagate.inject})
    assert [one.headers["traceparent"] for one in script.asked] == [f"00-{0xABC:032x}-{0xDEF:016x}-01"] * 3


@pytest.mark.usefixtures("small")
def test_what_failed_and_was_tried_again_is_logged(
    many: Caller, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.answers = [problem(503, "draining", Retry_After="0"), numbered]
    with caplog.at_level(logging.DEBUG, "digitserve_client"):
        many("predict_many", frames(5))
    said = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "digitserve_client"]
    assert [level for level, _ in said] == ["DEBUG", "DEBUG", "INFO", "DEBUG"]
    assert said[1][1].startswith("POST /v1/predict/batch: 503 after ")
    assert "detail of draining" in said[2][1]


@pytest.mark.parametrize("wrong", [{"at_once": 0}, {"patience": -1}, {"deadline_ms": 0}])
def test_options_without_sense_are_refused(many: Caller, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        many("predict_many", [], **wrong)


def test_one_picture_is_not_many(many: Caller) -> None:
    with pytest.raises(TypeError, match="put it in a list"):
        many("predict_many", "a.png")


@pytest.mark.usefixtures("small")
def test_a_batch_takes_longer_than_the_timeout_where_it_is_large(call: Caller, script: Script) -> None:
    script.answers = [lambda asked: (time.sleep(0.1), numbered(asked))[1]]
    assert digits(call("predict_batch", frames(60), settings={"timeout": 0.05})) == list(range(60))


def test_a_text_file_in_a_batch_is_raised_and_among_many_is_its_answer(
    call: Caller, many: Caller, script: Script, tmp_path: Path
) -> None:
    script.answers = [numbered]
    (tmp_path / "letter.txt").write_text("Dear Sir")
    images = [frames(1)[0], tmp_path / "letter.txt"]
    with pytest.raises(ValueError, match=r"letter\.txt begins with b'Dear Sir'") as refusal:
        call("predict_batch", images)
    assert refusal.value.__notes__ == ["in images[1]"]
    first, second = many("predict_many", images)
    assert (first.digit, second.code, second.name) == (0, "not_an_image", "letter.txt")


def test_limits_are_asked_for_once_and_kept(call: Caller, script: Script) -> None:
    script.limits = {"body_bytes": 784 * 7, "batch_images": 1000, "deadline_seconds": 3.0, "later": 1}
    script.answers = [numbered]
    assert call("limits") == api.Limits(body_bytes=784 * 7, batch_images=1000, deadline_seconds=3.0)
    assert digits(call("predict_batch", frames(20))) == list(range(20))
    assert sorted(len(one.body) // 784 for one in script.asked) == [6, 7, 7]


@pytest.mark.usefixtures("small")
def test_a_service_that_comes_later_is_waited_for(many: Caller, script: Script) -> None:
    port = free_port()

    def come() -> None:
        time.sleep(1.5)
        with serving(port) as late:
            late.answers = [numbered]
            over.wait()

    over, coming = threading.Event(), threading.Thread(target=come)
    coming.start()
    script.url = f"http://127.0.0.1:{port}"
    try:
        assert digits(many("predict_many", frames(12), patience=60)) == list(range(12))
    finally:
        over.set()
        coming.join()


@pytest.mark.parametrize("method", ["predict_batch", "probabilities"])
@pytest.mark.parametrize("slow", ["limits", "answer"])
def test_a_deadline_is_for_the_limits_too_and_is_told_as_one(
    call: Caller, script: Script, method: str, slow: str
) -> None:
    script.answers = [Answer(hang=2.0 if slow == "answer" else 0.0)]
    script.limits_after = 2.0 if slow == "limits" else 0.0
    began = time.monotonic()
    with pytest.raises(api.DeadlineExceeded, match="before the deadline"):
        call(method, frames(3), deadline_ms=300)
    assert time.monotonic() - began < 1.8


def test_a_service_that_does_not_come_is_given_up_when_the_deadline_passes(call: Caller, script: Script) -> None:
    script.url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(api.ConnectionFailed):
        call("predict_batch", frames(3), deadline_ms=700)
    assert time.monotonic() - began < 1.8


@pytest.mark.parametrize("told", [{"body_bytes": 0}, {"batch_images": "many"}])
def test_limits_without_sense_are_an_invalid_answer(call: Caller, script: Script, told: dict[str, Any]) -> None:
    script.limits = told
    with pytest.raises(api.InvalidAnswer):
        call("limits")


def test_waiting_until_it_is_ready(call: Caller, script: Script) -> None:
    script.answers = [problem(503), Answer(502), Answer(close=True), Answer(body={})]
    call("wait_ready")
    assert len(script.asked) == 4
    script.answers = [problem(503, "draining")]
    with pytest.raises(api.Unavailable, match="draining"):
        call("wait_ready", 0.5)
    script.answers = [Answer(404)]
    with pytest.raises(api.NotFound):
        call("wait_ready")


def test_the_service_tells_its_limits_and_they_are_kept(serve: Serve) -> None:
    with serve(max_batch_images=64, max_body_bytes=100_000) as service, Client(str(service.base_url)) as client:
        assert client.limits().batch_images == 64
        assert client.limits().body_bytes == 100_000
        assert len(client.predict_batch(frames(200) + 9)) == 200


def test_arrays_go_in_and_come_out(service: str, digits: NDArray[np.uint8]) -> None:
    several = np.concatenate([digits] * 300 + [np.zeros((1, 28, 28), np.uint8)])
    with Client(service) as client:
        rows = client.probabilities(several)
        assert client.probabilities(iter([])).shape == (0, 10)
    assert (rows.dtype, rows.shape) == (np.float32, (3001, 10))
    assert rows[:-1].argmax(axis=1).tolist() == list(range(10)) * 300
    assert np.isnan(rows[-1]).all()

    async def main() -> Any:
        async with AsyncClient(service) as client:
            return await client.probabilities(several)

    np.testing.assert_allclose(asyncio.run(main())[:-1], rows[:-1], atol=1e-3)


def test_five_hundred_files_are_read(service: str, digits: NDArray[np.uint8], tmp_path: Path) -> None:
    for digit, frame in enumerate(digits):
        Image.fromarray(255 - np.kron(frame, np.ones((5, 5), np.uint8))).save(tmp_path / f"{digit}.png")
    with Client(service) as client:
        answers = client.predict_batch([tmp_path / f"{place % 10}.png" for place in range(500)])
    assert [(one.digit, one.name) for one in answers if isinstance(one, api.Prediction)] == [
        (place % 10, f"{place % 10}.png") for place in range(500)
    ]


def test_a_restart_in_the_middle_loses_nothing(process: Callable[..., Process], digits: NDArray[np.uint8]) -> None:
    first = process()
    first.wait_until_ready()
    second: list[Process] = []

    def start_again() -> None:
        first.wait()
        second.append(Process(int(first.url.rpartition(":")[2])))

    starting = threading.Thread(target=start_again)

    def source() -> Iterator[Any]:
        for place in range(12_000):
            if place == 4_000:
                for pid in (first.pid, *first.workers()):
                    psutil.Process(pid).kill()
                starting.start()
            yield digits[place % 10]

    try:
        with Client(first.url) as client:
            answers = list(client.predict_many(source()))
    finally:
        starting.join()
        second[0].end()
    assert [one.digit for one in answers if isinstance(one, api.Prediction)] == [n % 10 for n in range(12_000)]
