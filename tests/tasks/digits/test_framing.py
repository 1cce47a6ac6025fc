"""Batches that are read in steps: whole whatever happens between the steps, and in others' favour."""

import asyncio
import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.budget import allowed_seconds
from app.config import Settings
from app.errors import CallerGone, DeadlineExceeded, NoInk, QueueFull, TooMuchWork
from app.http.exchange import Exchange
from app.imaging.decode import is_plain_png
from app.tasks.digits import strokes
from app.tasks.digits.preprocessor import Batch
from app.tasks.digits.work import Seen, Unfinished, see, see_here
from tests.conftest import MODELS, Serve
from tests.pictures import encoded

ABORT: tuple[Callable[..., Any], bytes] = eval, b"__import__('os').abort()"


def archive(pictures: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place in range(pictures):
            made.writestr(f"{place}.png", encoded(255 - strokes.render(place % 10, size=280)))
    return file.getvalue()


def exchange(content_type: str, is_gone: Callable[[], bool] = lambda: False) -> Exchange:
    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return Exchange(scope, is_gone)


def framed(work: Callable[[Framer], Any], **settings: Any) -> Any:
    """What `work` gives with a Framer of one process."""

    async def run() -> Any:
        framer = Framer(Settings(models=MODELS, workers=64, **settings))
        framer.start()
        await framer.begin()
        try:
            return await work(framer)
        finally:
            await framer.close()

    return asyncio.run(run())


def test_a_batch_goes_on_where_it_was_when_another_request_breaks_its_process() -> None:
    async def work(framer: Framer) -> Batch:
        reading = asyncio.create_task(framer.many(archive(60), exchange("application/zip")))
        await asyncio.sleep(0.1)  # some steps are done, and others are not
        process = framer._pool.least_busy()
        process.send(ABORT[0], body=ABORT[1]).add_done_callback(lambda done: done.exception())
        batch: Batch = await reading
        return batch

    batch = framed(work)
    assert (batch.count, len(batch.frames), batch.errors) == (60, 60, {})
    assert batch.names == {place: f"{place}.png" for place in range(60)}
    expected = framed(lambda framer: framer.many(archive(60), exchange("application/zip")))
    assert np.array_equal(batch.frames, expected.frames)


def test_a_picture_is_read_between_the_steps_of_a_batch() -> None:
    async def work(framer: Framer) -> None:
        reading = asyncio.create_task(framer.many(archive(100), exchange("application/zip")))
        await asyncio.sleep(0.1)
        await framer.see(encoded(255 - strokes.render(3, size=600)), Unfinished(), exchange("image/png"))
        assert not reading.done()
        await reading

    framed(work)


@pytest.mark.parametrize("kind", ["rows", "pictures"])
def test_a_batch_that_nobody_waits_for_is_given_up(kind: str, digits: NDArray[np.uint8]) -> None:
    gone = False

    async def work(framer: Framer) -> None:
        nonlocal gone
        content_type, body = "application/zip", archive(100)
        if kind == "rows":
            content_type, body = "application/json", b'{"pixels":%b}' % str(digits.tolist() * 200).encode()
        reading = asyncio.create_task(framer.many(body, exchange(content_type, lambda: gone)))
        await asyncio.sleep(0.02)
        gone = True
        with pytest.raises(CallerGone):
            await reading

    framed(work)


def test_a_deadline_ends_a_batch_between_its_steps() -> None:
    async def work(framer: Framer) -> None:
        one = exchange("application/zip")
        one.deadline = asyncio.get_running_loop().time() + 0.1
        with pytest.raises(DeadlineExceeded):
            await framer.many(archive(100), one)

    framed(work)


def test_what_would_wait_too_long_is_refused_by_the_age_of_what_runs() -> None:
    async def work(framer: Framer) -> None:
        sleeping = framer._pool.least_busy().send(eval, body=b"__import__('time').sleep(0.5)")
        await asyncio.sleep(0.2)
        with pytest.raises(QueueFull) as refused:
            await framer.see(encoded(strokes.render(3)), Unfinished(), exchange("image/png"))
        assert 0.15 < (refused.value.retry_after or 0) < 0.5
        await sleeping

    framed(work, max_wait_seconds=0.1)


def test_the_event_loop_goes_on_while_rows_are_read(digits: NDArray[np.uint8]) -> None:
    async def work(framer: Framer) -> None:
        loop = asyncio.get_running_loop()
        body = b'{"pixels":%b}' % str(digits.tolist() * 300).encode()
        reading = asyncio.create_task(framer.many(body, exchange("application/json")))
        await asyncio.sleep(0)
        turns, started = 0, loop.time()
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        assert (loop.time() - started) / turns < 0.02
        assert (await reading).count == 3000

    framed(work)


def test_a_batch_has_one_budget_for_all_its_pictures() -> None:
    dotted = np.full((640, 640), 255, np.uint8)
    dotted[::2, ::2] = 0
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place in range(400):
            made.writestr(str(place), encoded(dotted))
    body = file.getvalue()

    batch = framed(lambda framer: framer.many(body, exchange("application/zip")))
    assert batch.count == 400
    errors = [type(error) for error in batch.errors.values()]
    assert set(errors[:20]) == {NoInk}  # what the budget allows is read
    assert set(errors[-20:]) == {TooMuchWork}


def test_every_request_has_a_deadline(serve: Serve) -> None:
    with serve(deadline_seconds=0.05) as client:
        answer = client.post("/v1/predict/batch", content=archive(100), headers={"Content-Type": "application/zip"})
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert answer.elapsed.total_seconds() < 1


def test_pictures_of_a_large_batch_are_encoded_in_many_turns(client: httpx.Client, digits: NDArray[np.uint8]) -> None:
    many = np.concatenate([digits] * 100).tobytes()
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post("/v1/predict/batch?include=seen", content=many, headers=headers).json()
    assert all("seen" in one for one in answer["predictions"])


def test_a_small_picture_that_takes_long_is_looked_at_elsewhere() -> None:
    """Noise makes thousands of parts and lines in few pixels: the event loop leaves off where that would take long."""
    noise = encoded(np.random.default_rng(0).integers(0, 256, (230, 230), np.uint8))
    assert is_plain_png(noise)
    started = time.process_time()
    left_off = see_here(noise, "image/png")
    assert isinstance(left_off, Unfinished)
    assert 0 < left_off.seconds <= 0.01  # which counts where it is begun again
    assert time.process_time() - started < 0.03
    drawing = encoded(255 - strokes.render(3, size=280))
    assert isinstance(see_here(drawing, "image/png"), Seen)


def test_what_was_done_in_vain_is_of_the_same_budget() -> None:
    drawing = encoded(255 - strokes.render(3, size=280))
    bounds = Bounds(1_000_000, 1, 1_000_000, 1_000_000, 1_000_000)
    allowed = allowed_seconds(len(drawing))
    assert see(drawing, "image/png", bounds, Unfinished()).frame.steps
    with pytest.raises(TooMuchWork):
        see(drawing, "image/png", bounds, Unfinished(allowed - 0.003))
