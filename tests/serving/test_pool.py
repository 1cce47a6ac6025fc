"""The pool's processes: jobs that end well, that break their process, that nobody waits for any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from app.errors import CallerGone, TooMuchWork, Undecodable
from app.serving.pool import Pool, Process

# A job is a function of a body: here the body is the job, as Python.
EVALUATE: Callable[..., Any] = eval
SLEEP = b"__import__('time').sleep(0.3)"


@asynccontextmanager
async def one_process() -> AsyncIterator[Process]:
    pool = Pool(1, ["app.tasks.digits.work"])
    pool.start()
    await pool.begin()
    try:
        yield pool.least_busy()
    finally:
        await pool.close()


def in_a_process(test: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with one_process() as process:
            await test(process)

    asyncio.run(run())


def test_results_and_errors_come_back() -> None:
    async def test(process: Process) -> None:
        assert await process.run(EVALUATE, body=b"1 + 1") == 2
        large = await process.run(EVALUATE, body=b"bytes(3_000_000)" + b" " * 3_000_000)
        assert large == bytes(3_000_000)
        with pytest.raises(ZeroDivisionError) as failed:
            await process.run(EVALUATE, body=b"1 / 0")
        assert "Traceback" in failed.value.__notes__[0]  # where it went wrong, for the log
        error = b"(_ for _ in ()).throw(__import__('app.errors').errors.Undecodable('no picture'))"
        with pytest.raises(Undecodable, match="no picture"):
            await process.run(EVALUATE, body=error)

    in_a_process(test)


@pytest.mark.parametrize(
    ("breaks", "how"),
    [
        (b"__import__('os').abort()", "SIGABRT"),
        (b"__import__('os')._exit(3)", "exit status 3"),
        (b"sum(iter(int, 1))", "SIGPROF"),  # endless: it may take a few seconds of a core
    ],
)
def test_a_job_that_breaks_its_process_is_told_and_the_next_is_done(breaks: bytes, how: str) -> None:
    async def test(process: Process) -> None:
        broken, after = (asyncio.create_task(process.run(EVALUATE, body=body)) for body in (breaks, b"2 + 2"))
        with pytest.raises(Undecodable, match=how):
            await broken
        assert await after == 4

    in_a_process(test)


def test_a_job_that_takes_too_much_memory_is_refused() -> None:
    async def test(process: Process) -> None:
        with pytest.raises(TooMuchWork, match="MiB of memory"):
            await process.run(EVALUATE, body=b"bytearray(1 << 30)")
        assert await process.run(EVALUATE, body=b"1") == 1

    in_a_process(test)


def test_what_waits_past_its_deadline_is_not_begun_and_what_runs_is_counted_to_its_end() -> None:
    async def test(process: Process) -> None:
        loop = asyncio.get_running_loop()
        assert process.wait_seconds == 0
        started = loop.time()
        with pytest.raises(TimeoutError):
            await process.run(EVALUATE, body=SLEEP, deadline=started + 0.1)
        assert process.wait_seconds >= 0.09  # it goes on, and is as old as that, less the moment in which it was begun
        waiting = [
            process.run(
                EVALUATE, body=b"__import__('app.tasks.digits.work').late.append(1)", deadline=loop.time() + 0.05
            )
            for _ in range(3)
        ]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [TimeoutError] * 3
        assert await process.run(EVALUATE, body=b"1") == 1  # an error of the three would have been the answer
        assert 0.3 <= loop.time() - started < 0.6
        assert process.wait_seconds == 0

    in_a_process(test)


def test_the_wait_grows_with_what_waits_and_with_the_age_of_what_runs() -> None:
    async def test(process: Process) -> None:
        jobs = [asyncio.create_task(process.run(EVALUATE, body=SLEEP)) for _ in range(4)]
        await asyncio.sleep(0.2)
        assert process.wait_seconds == pytest.approx(4 * 0.2, rel=0.4)  # nothing was learnt yet but its age
        await jobs[0]
        await asyncio.sleep(0.05)
        assert process.wait_seconds == pytest.approx(3 * 0.3, rel=0.2)
        for job in jobs[2:]:
            job.cancel()
        await asyncio.sleep(0)
        assert process.wait_seconds == pytest.approx(0.3, rel=0.2)  # what was cancelled does not count
        await jobs[1]

    in_a_process(test)


def test_a_caller_that_has_gone_is_not_worked_for() -> None:
    async def test(process: Process) -> None:
        busy = asyncio.create_task(process.run(EVALUATE, body=SLEEP))
        with pytest.raises(CallerGone):
            await process.run(EVALUATE, body=b"1", is_gone=lambda: True)
        await busy

    in_a_process(test)


def test_the_event_loop_goes_on_meanwhile() -> None:
    async def test(process: Process) -> None:
        working = asyncio.create_task(process.run(EVALUATE, body=b"sorted(map(str, range(700_000)))[0]"))
        longest, last = 0.0, time.monotonic()
        while not working.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert longest < 0.1  # a thread would hold it up for as long as its sorting takes

    in_a_process(test)


def test_processes_end_with_the_pool() -> None:
    before = set(psutil.Process().children())
    in_a_process(lambda process: process.run(EVALUATE, body=b"None"))
    assert set(psutil.Process().children()) <= before
