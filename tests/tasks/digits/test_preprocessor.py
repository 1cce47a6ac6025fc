"""Batches that are read in steps: whole whatever happens between the steps, and in others' favour."""

import asyncio
import io
import time
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.budget import allowed_seconds
from app.config import Settings
from app.errors import CallerGone, DeadlineExceeded, NoInk, QueueFull, TooMuchWork
from app.http.v1 import bodies
from app.http.v1.bodies import BatchLimits, batch_request, image_request, single
from app.imaging.decode import is_plain_png
from app.serving.context import RequestContext
from app.serving.pool import Pool
from app.tasks.digits import strokes, work
from app.tasks.digits.manifest import read_bundle
from app.tasks.digits.preprocessor import Batch, Preprocessor
from app.tasks.digits.requests import Cut, How, Item, Limits
from app.tasks.digits.work import Seen, Unfinished, see_here
from tests.conftest import DIGITS, MODELS, Serve
from tests.pictures import broken, encoded

ABORT: tuple[Callable[..., Any], bytes] = eval, b"__import__('os').abort()"


def archive(pictures: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place in range(pictures):
            made.writestr(f"{place}.png", encoded(255 - strokes.render(place % 10, size=280)))
    return file.getvalue()


MANIFEST = read_bundle(DIGITS).manifest
LIMITS = BatchLimits(batch_images=16_384, item_bytes=32_000_000, unpacked_bytes=256_000_000)
HOW = How(Limits(image_pixels=1_000_000, batch_pixels=1_000_000), MANIFEST.preparation)


def context(is_gone: Callable[[], bool] = lambda: False) -> RequestContext:
    return RequestContext(b"1", "tester", is_gone)


def cut(media_type: str = "image/png") -> Cut:
    return partial(single, content_type=media_type)


async def see(preprocessor: Preprocessor, body: bytes) -> Seen:
    return await preprocessor.see(Unfinished(), image_request("image/png", body), MANIFEST, context())


async def many(
    preprocessor: Preprocessor, body: bytes, content_type: str = "application/zip", of: RequestContext | None = None
) -> Batch:
    return await preprocessor.many(batch_request(content_type, body, LIMITS), MANIFEST, of or context())


def framed(test: Callable[[Preprocessor], Any], **settings: Any) -> Any:
    """What `test` gives with a Preprocessor of one process."""

    async def run() -> Any:
        made = Settings(models=MODELS, **settings)
        pool = Pool(1, [work.__name__, bodies.__name__], made.max_wait_seconds)
        pool.start()
        await pool.begin()
        try:
            return await test(Preprocessor(made, pool))
        finally:
            await pool.close()

    return asyncio.run(run())


def test_a_batch_goes_on_where_it_was_when_another_request_breaks_its_process() -> None:
    async def work(preprocessor: Preprocessor) -> Batch:
        reading = asyncio.create_task(many(preprocessor, archive(60)))
        await asyncio.sleep(0.1)  # some steps are done, and others are not
        process = preprocessor._pool.least_busy()
        process.send(ABORT[0], body=ABORT[1]).add_done_callback(lambda done: done.exception())
        batch: Batch = await reading
        return batch

    batch = framed(work)
    assert (batch.count, len(batch.frames), batch.errors) == (60, 60, {})
    assert batch.names == {place: f"{place}.png" for place in range(60)}
    expected = framed(lambda preprocessor: many(preprocessor, archive(60)))
    assert np.array_equal(batch.frames, expected.frames)


def test_a_picture_is_read_between_the_steps_of_a_batch() -> None:
    async def work(preprocessor: Preprocessor) -> None:
        reading = asyncio.create_task(many(preprocessor, archive(100)))
        await asyncio.sleep(0.1)
        await see(preprocessor, encoded(255 - strokes.render(3, size=600)))
        assert not reading.done()
        await reading

    framed(work)


@pytest.mark.parametrize("kind", ["rows", "pictures"])
def test_a_batch_that_nobody_waits_for_is_given_up(kind: str, digits: NDArray[np.uint8]) -> None:
    gone = False

    async def work(preprocessor: Preprocessor) -> None:
        nonlocal gone
        content_type, body = "application/zip", archive(100)
        if kind == "rows":
            content_type, body = "application/json", b'{"pixels":%b}' % str(digits.tolist() * 200).encode()
        reading = asyncio.create_task(many(preprocessor, body, content_type, context(lambda: gone)))
        await asyncio.sleep(0.02)
        gone = True
        with pytest.raises(CallerGone):
            await reading

    framed(work)


def test_a_deadline_ends_a_batch_between_its_steps() -> None:
    async def work(preprocessor: Preprocessor) -> None:
        one = context()
        one.deadline = asyncio.get_running_loop().time() + 0.1
        with pytest.raises(DeadlineExceeded):
            await many(preprocessor, archive(100), of=one)

    framed(work)


def test_what_would_wait_too_long_is_refused_by_the_age_of_what_runs() -> None:
    async def work(preprocessor: Preprocessor) -> None:
        sleeping = preprocessor._pool.least_busy().send(eval, body=b"__import__('time').sleep(0.5)")
        await asyncio.sleep(0.2)
        with pytest.raises(QueueFull) as refused:
            await see(preprocessor, encoded(255 - strokes.render(3, size=600)))
        assert 0.15 < (refused.value.retry_after or 0) < 0.5
        await sleeping

    framed(work, max_wait_seconds=0.1)


def test_the_event_loop_goes_on_while_rows_are_read(digits: NDArray[np.uint8]) -> None:
    async def work(preprocessor: Preprocessor) -> None:
        loop = asyncio.get_running_loop()
        body = b'{"pixels":%b}' % str(digits.tolist() * 300).encode()
        reading = asyncio.create_task(many(preprocessor, body, "application/json"))
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

    batch = framed(lambda preprocessor: many(preprocessor, body))
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
    left_off = see_here(Item(noise), len(noise), MANIFEST.preparation)
    assert isinstance(left_off, Unfinished)
    assert 0 < left_off.seconds <= 0.01  # which counts where it is begun again
    assert time.process_time() - started < 0.03
    drawing = encoded(255 - strokes.render(3, size=280))
    assert isinstance(see_here(Item(drawing), len(drawing), MANIFEST.preparation), Seen)


def test_what_was_done_in_vain_is_of_the_same_budget() -> None:
    drawing = encoded(255 - strokes.render(3, size=280))
    allowed = allowed_seconds(len(drawing))
    assert work.see(drawing, cut(), HOW, Unfinished()).frame.steps
    with pytest.raises(TooMuchWork):
        work.see(drawing, cut(), HOW, Unfinished(allowed - 0.003))


def packed(*files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place, content in enumerate(files):
            made.writestr(f"{place}.png", content)
    return file.getvalue()


UNSURE = packed(*map(encoded, (255 - strokes.render(1, size=140), broken(5), np.full((9, 9), 7, np.uint8), broken(8))))


def energies(*values: float) -> NDArray[np.float32]:
    scores = np.zeros((len(values), 11), np.float32)
    scores[:, 10] = values
    return scores


def test_the_model_takes_one_of_the_frames_that_each_picture_of_a_batch_may_be() -> None:
    batch: Batch = framed(lambda preprocessor: many(preprocessor, UNSURE))
    assert (batch.count, list(batch.errors), batch.rows, len(batch.frames), len(batch.others)) == (4, [2], 5, 3, 2)
    chosen, scores = batch.chosen(energies(-9, -9, -1, -5, -8), margin=1.0)
    assert scores[:, 10].tolist() == [-9, -9, -8]
    assert np.array_equal(chosen.frames, batch.inputs[0][[0, 1, 4]])
    assert ["bridge gaps" in chosen.made[place].steps for place in chosen.good()] == [False, False, True]
    assert chosen.rows == 3


def test_slices_of_a_batch_take_their_pictures_other_frames_with_them() -> None:
    batch: Batch = framed(lambda preprocessor: many(preprocessor, UNSURE))
    first, second = batch.slices(2)
    assert np.array_equal(first.inputs[0], batch.inputs[0][[0, 1, 3]])
    assert np.array_equal(second.inputs[0], batch.inputs[0][[2, 4]])
    assert second.chosen(energies(-1, -8), margin=1.0)[1][:, 10].tolist() == [-8]


def test_where_a_batch_would_have_too_many_rows_first_frames_stand_alone() -> None:
    batch: Batch = framed(lambda preprocessor: many(preprocessor, UNSURE), max_batch_images=4)
    assert (batch.rows, [frame.others for frame in batch.made.values()]) == (3, [()] * 3)
