"""Batching: who runs with whom, who waits for whom, and who is dropped. The runs are real functions that can block."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from app.errors import CallerGone, DeadlineExceeded, QueueFull
from app.inference.session import Tensors
from app.serving.batcher import Batcher
from app.serving.submission import Submission
from app.telemetry.metrics import Metrics

Frames = NDArray[np.uint8]


class Runs:
    """A model whose answer shows which image it was, and that can be held up."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.pause = 0.0

    def __call__(self, inputs: Tensors) -> Tensors:
        (frames,) = inputs
        self.sizes.append(len(frames))
        assert self.go.wait(10)
        time.sleep(self.pause)
        if frames[0, 0, 0] == 255:
            raise ArithmeticError("the model broke")
        return (np.repeat(frames[:, 0, :1], 10, axis=1).astype(np.float32),)


def frames(*marks: int) -> Frames:
    made = np.zeros((len(marks), 28, 28), np.uint8)
    made[:, 0, 0] = marks
    return made


def run(test: Callable[[Batcher, Runs], Awaitable[Any]], **options: Any) -> tuple[Any, Runs, Metrics]:
    """Run a test on an event loop with a batcher of its own; returns its result, the runs and the metrics."""
    runs, metrics = Runs(), Metrics(CollectorRegistry())

    async def main() -> Any:
        defaults = {"max_batch_size": 4, "max_queue_rows": 100}
        batcher = Batcher(runs, metrics, name="m", version="1", **{**defaults, **options})
        try:
            return await test(batcher, runs)
        finally:
            runs.go.set()
            batcher.close()

    return asyncio.run(main()), runs, metrics


async def read(
    batcher: Batcher, frames: Frames, deadline: float = math.inf, is_gone: Callable[[], bool] = lambda: False
) -> Submission:
    return await batcher.submit((frames,), deadline, is_gone)


def marks(submission: Any) -> list[int]:
    return [int(row[0]) for row in submission.outputs[0]]


both_ways = pytest.mark.parametrize("inline", [0, 100], ids=["thread", "inline"])


@both_ways
def test_idle_runs_at_once(inline: int) -> None:
    done, runs, _ = run(lambda batcher, _: read(batcher, frames(7)), inline_rows=inline)
    assert marks(done) == [7]
    assert runs.sizes == [1]
    assert done.largest_run == 1


@both_ways
def test_what_arrives_together_runs_together(inline: int) -> None:
    async def test(batcher: Batcher, _: Runs) -> Any:
        return await asyncio.gather(*(read(batcher, frames(mark)) for mark in range(4)))

    done, runs, _ = run(test, inline_rows=inline)
    assert [marks(one) for one in done] == [[0], [1], [2], [3]]
    assert runs.sizes == [4]


def test_busy_gathers() -> None:
    async def test(batcher: Batcher, runs: Runs) -> Any:
        runs.go.clear()
        first = asyncio.create_task(read(batcher, frames(1)))
        await until(lambda: runs.sizes)
        others = [asyncio.create_task(read(batcher, frames(mark))) for mark in (2, 3, 4)]
        await asyncio.sleep(0.02)
        runs.go.set()
        return await asyncio.gather(first, *others)

    done, runs, _ = run(test)
    assert [marks(one) for one in done] == [[1], [2], [3], [4]]
    assert runs.sizes == [1, 3]


def test_a_single_image_does_not_wait_for_a_whole_large_batch() -> None:
    async def test(batcher: Batcher, runs: Runs) -> list[str]:
        finished: list[str] = []

        async def send(name: str, sent: Frames) -> None:
            await read(batcher, sent)
            finished.append(f"{name} after {len(runs.sizes)} runs")

        runs.go.clear()
        large = asyncio.create_task(send("large", frames(*range(40))))
        await until(lambda: runs.sizes)
        single = asyncio.create_task(send("single", frames(99)))
        await asyncio.sleep(0.02)
        runs.go.set()
        await asyncio.gather(large, single)
        return finished

    finished, _, _ = run(test)
    assert finished[0] in {"single after 2 runs", "single after 3 runs"}  # the one under way, and its own
    assert finished[1].startswith("large")


@both_ways
def test_one_that_breaks_a_run_breaks_it_for_no_other(inline: int) -> None:
    async def test(batcher: Batcher, _: Runs) -> Any:
        async with asyncio.timeout(5):
            together = [read(batcher, frames(*marks)) for marks in ((255,), (1,), (2, 3))]
            return await asyncio.gather(*together, return_exceptions=True), await read(batcher, frames(4))

    ((broken, first, last), after), runs, _ = run(test, inline_rows=inline)
    assert isinstance(broken, ArithmeticError)
    assert [marks(one) for one in (first, last, after)] == [[1], [2, 3], [4]]
    assert runs.sizes == [4, 1, 1, 2, 1]


def test_rows_of_other_shapes_are_not_run_together() -> None:
    async def test(batcher: Batcher, runs: Runs) -> Any:
        runs.go.clear()
        first = asyncio.create_task(read(batcher, frames(1)))
        await until(lambda: runs.sizes)
        wide = [np.full((1, 5, 7), mark, np.uint8) for mark in (2, 4)]
        waiting = [read(batcher, one) for one in (wide[0], frames(3), wide[1], frames(5))]
        both = asyncio.gather(*waiting)
        await asyncio.sleep(0)
        runs.go.set()
        return [await first, *await both]

    done, runs, _ = run(test, shapes_vary=True)
    assert [marks(one) for one in done] == [[1], [2], [3], [4], [5]]
    assert runs.sizes == [1, 2, 2]


def test_a_large_one_of_another_shape_is_not_held_up_by_small_ones() -> None:
    async def test(batcher: Batcher, runs: Runs) -> Any:
        large = asyncio.create_task(read(batcher, np.full((10, 5, 7), 9, np.uint8)))

        async def again() -> int:
            asked = 0
            while not large.done() and asked < 100:
                await read(batcher, frames(1))
                asked += 1
            return asked

        asked = await asyncio.gather(*(again() for _ in range(3)))
        return marks(await large), max(asked), runs.sizes

    (read_, asked, _), _, _ = run(test, shapes_vary=True)
    assert read_ == [9] * 10
    assert asked < 20


def test_what_is_not_batched_is_run_alone_and_as_it_is() -> None:
    shapes: list[tuple[int, ...]] = []

    def scalar_and_all(inputs: Tensors) -> Tensors:
        shapes.append(inputs[0].shape)
        return (inputs[0] * inputs[1],)

    async def main() -> Any:
        batcher = Batcher(
            scalar_and_all,
            Metrics(CollectorRegistry()),
            name="m",
            version="1",
            max_batch_size=4,
            max_queue_rows=9,
            batched=False,
        )
        try:
            sent = [(np.ones(size), np.array(2.0)) for size in (3, 0, 5)]
            return await asyncio.gather(*(wait(batcher.submit(one)) for one in sent))
        finally:
            batcher.close()

    done = asyncio.run(main())
    assert [one.outputs[0].tolist() for one in done] == [[2.0] * 3, [], [2.0] * 5]
    assert shapes == [(3,), (0,), (5,)]


async def wait(submission: Submission) -> Submission:
    return await submission


def test_a_run_that_fails_at_once_teaches_no_speed() -> None:
    async def test(batcher: Batcher, _: Runs) -> float:
        with pytest.raises(ArithmeticError):
            await read(batcher, frames(255, 255, 255, 255))
        return batcher._seconds_per_row

    seconds, _, _ = run(test)
    assert seconds == 0


@settings(deadline=None)  # of the machine, not of the batcher
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=12), chunk=st.integers(1, 9), inline=st.sampled_from([0, 9])
)
def test_every_image_comes_back_to_its_own(sizes: list[int], chunk: int, inline: int) -> None:
    sent = [[(start * 31 + place) % 200 for place in range(size)] for start, size in enumerate(sizes)]

    async def test(batcher: Batcher, _: Runs) -> Any:
        return await asyncio.gather(*(read(batcher, frames(*one)) for one in sent))

    done, runs, _ = run(test, max_batch_size=chunk, max_queue_rows=1000, inline_rows=inline)
    assert [marks(one) for one in done] == sent
    assert max(runs.sizes) <= chunk
    assert sum(runs.sizes) == sum(sizes)


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async def test(batcher: Batcher, runs: Runs) -> QueueFull:
        await read(batcher, frames(1, 1, 1, 1))
        runs.go.clear()
        running = asyncio.create_task(read(batcher, frames(1)))
        await until(lambda: len(runs.sizes) == 2)
        waiting = asyncio.create_task(read(batcher, frames(*range(10))))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match=r"10 items are waiting, .* this request brings 1;") as refused:
            await read(batcher, frames(2))
        runs.go.set()
        await asyncio.gather(running, waiting)
        await read(batcher, frames(*range(10)))  # there is room again
        return refused.value

    refused, _, _ = run(test, max_queue_rows=10)
    assert refused.retry_after is not None
    assert refused.retry_after > 0


def test_a_deadline_holds_while_the_model_is_busy_and_costs_no_run() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        loop = asyncio.get_running_loop()
        runs.go.clear()
        running = asyncio.create_task(read(batcher, frames(1)))
        await until(lambda: runs.sizes)
        with pytest.raises(DeadlineExceeded, match="the deadline passed"):
            await read(batcher, frames(2), loop.time() + 0.02)
        runs.go.set()  # only now: the deadline did not wait for the run
        await running

    _, runs, metrics = run(test)
    assert runs.sizes == [1]
    assert metrics.registry.get_sample_value("digitserve_queue_images", {"model": "m"}) == 0


def test_singles_and_large_batches_share_every_run() -> None:
    """Neither starves the other, however many there are of either."""

    async def test(batcher: Batcher, _: Runs) -> list[str]:
        finished: list[str] = []

        async def send(name: str, sent: Frames) -> None:
            await read(batcher, sent)
            finished.append(name)

        large = [asyncio.create_task(send(f"large {n}", frames(*[n] * 20))) for n in (1, 2)]
        singles = [asyncio.create_task(send(f"single {n}", frames(n))) for n in range(12)]
        await asyncio.gather(*large, *singles)
        return finished

    finished, runs, _ = run(test, max_batch_size=4, inline_rows=4)
    assert finished[:12] == [f"single {n}" for n in range(12)]  # two in each of the first six runs
    assert runs.sizes == [4] * 13


@both_ways
def test_what_nobody_waits_for_any_more_costs_no_run(inline: int) -> None:
    async def test(batcher: Batcher, _: Runs) -> Any:
        return await asyncio.gather(
            read(batcher, frames(1)),
            read(batcher, frames(2, 3), is_gone=lambda: True),
            read(batcher, frames(4)),
            return_exceptions=True,
        )

    (first, gone, last), runs, metrics = run(test, inline_rows=inline)
    assert (marks(first), marks(last)) == ([1], [4])
    assert isinstance(gone, CallerGone)
    assert runs.sizes == [2]
    assert metrics.registry.get_sample_value("digitserve_queue_images", {"model": "m"}) == 0


def test_a_wait_that_would_be_too_long_is_refused_by_the_measured_speed() -> None:
    async def test(batcher: Batcher, runs: Runs) -> QueueFull:
        slow = threading.Timer(0.2, runs.go.set)
        runs.go.clear()
        slow.start()
        await read(batcher, frames(1, 1, 1, 1))  # teaches it 0.05 s an image
        runs.go.clear()
        running = [asyncio.create_task(read(batcher, frames(1))) for _ in range(40)]
        await until(lambda: len(runs.sizes) == 2)
        with pytest.raises(QueueFull, match="at most 1 s are waited") as refused:
            batcher.check_wait(single=True)
        runs.go.set()
        await asyncio.gather(*running, return_exceptions=True)
        batcher.check_wait(single=True)
        return refused.value

    refused, _, _ = run(test, max_wait_seconds=1)
    assert refused.retry_after is not None
    assert refused.retry_after > 1


def test_a_speed_that_was_learned_while_the_machine_stood_still_is_forgotten() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        threading.Timer(0.2, runs.go.set).start()
        runs.go.clear()
        await read(batcher, frames(1, 1, 1, 1))  # teaches it 0.05 s an image
        for _ in range(50):
            await read(batcher, frames(1))  # small runs, none of them a full one
        runs.go.clear()
        running = [asyncio.create_task(read(batcher, frames(1))) for _ in range(40)]
        await until(lambda: len(runs.sizes) == 52)
        batcher.check_wait(single=True)
        runs.go.set()
        await asyncio.gather(*running)

    run(test, max_wait_seconds=1)


def test_what_is_abandoned_costs_no_run() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        runs.go.clear()
        running = asyncio.create_task(read(batcher, frames(1)))
        await until(lambda: runs.sizes)
        abandoned = asyncio.create_task(read(batcher, frames(2, 3)))
        await asyncio.sleep(0.01)
        abandoned.cancel()
        runs.go.set()
        await running
        await read(batcher, frames(4))

    _, runs, metrics = run(test)
    assert runs.sizes == [1, 1]
    assert metrics.registry.get_sample_value("digitserve_queue_images", {"model": "m"}) == 0


def test_a_large_batch_makes_no_single_image_wait_nor_be_refused() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        threading.Timer(0.2, runs.go.set).start()
        runs.go.clear()
        await read(batcher, frames(1, 1, 1, 1))  # teaches it 0.05 s an image
        runs.go.clear()
        large = asyncio.create_task(read(batcher, frames(*range(90))))
        await until(lambda: len(runs.sizes) == 2)
        batcher.check_wait(single=True)
        with pytest.raises(QueueFull, match="at most 1 s are waited"):
            batcher.check_wait(single=False)
        part_of_a_stream = read(batcher, frames(1, 2))  # admitted before: only the count can refuse it now
        runs.go.set()
        await asyncio.gather(large, part_of_a_stream)

    run(test, max_wait_seconds=1)


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_neither_kind_starves_whatever_the_chunk(chunk: int) -> None:
    async def test(batcher: Batcher, _: Runs) -> None:
        large = asyncio.create_task(read(batcher, frames(*range(9))))
        while not large.done():
            await read(batcher, frames(1))
            await asyncio.sleep(0)  # a single may be read without one
        await large

    run(test, max_batch_size=chunk, inline_rows=4)


@both_ways
def test_one_who_cannot_be_told_harms_no_other(inline: int) -> None:
    def broken(_: object) -> None:
        raise ArithmeticError("nobody home")

    async def test(batcher: Batcher, _: Runs) -> Any:
        batcher.submit((frames(1),)).add_done_callback(broken)
        return await read(batcher, frames(2)), await read(batcher, frames(3))

    done, _, _ = run(test, inline_rows=inline)
    assert [marks(one) for one in done] == [[2], [3]]


@both_ways
def test_a_model_that_breaks_tells_those_who_waited_and_goes_on(inline: int) -> None:
    async def test(batcher: Batcher, _: Runs) -> Any:
        both = read(batcher, frames(255)), read(batcher, frames(*[255] * 9))
        broken = await asyncio.gather(*both, return_exceptions=True)
        return broken, await read(batcher, frames(5))

    (broken, after), _, _ = run(test, inline_rows=inline)
    assert [type(one) for one in broken] == [ArithmeticError, ArithmeticError]
    assert marks(after) == [5]


def test_runs_are_counted() -> None:
    _, _, metrics = run(lambda batcher, _: read(batcher, frames(*range(10))))
    assert metrics.registry.get_sample_value("digitserve_run_images_count", {"model": "m"}) == 3
    assert metrics.registry.get_sample_value("digitserve_run_images_sum", {"model": "m"}) == 10


async def until(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.001)


def test_where_shapes_vary_small_runs_tell_how_long_others_will_wait() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        runs.pause = 0.02
        await batcher.submit((frames(1),))
        runs.go.clear()
        waiting = [batcher.submit((np.zeros((1, 28, width), np.uint8),)) for width in range(1, 40)]
        with pytest.raises(QueueFull):
            batcher.check_wait(single=True)
        runs.go.set()
        for one in waiting:
            await one

    run(test, shapes_vary=True, max_batch_size=64, max_wait_seconds=0.5)


def test_a_run_that_goes_on_for_long_counts_as_wait() -> None:
    async def test(batcher: Batcher, runs: Runs) -> None:
        runs.go.clear()
        running = batcher.submit((frames(1),))
        await asyncio.sleep(0)
        batcher.check_wait(single=True)
        await asyncio.sleep(0.2)
        with pytest.raises(QueueFull):
            batcher.check_wait(single=True)
        runs.go.set()
        await running
        batcher.check_wait(single=True)

    run(test, max_wait_seconds=0.1)


def test_large_rows_are_run_a_few_at_a_time() -> None:
    async def test(batcher: Batcher, _: Runs) -> Any:
        return (await batcher.submit((np.ones((10, 1000, 1000), np.uint8),))).outputs[0]

    answer, runs, _ = run(test, shapes_vary=True, max_batch_size=64)
    assert answer.shape == (10, 10)
    assert max(runs.sizes) == 4
