"""Batching without a timer: idle, a request runs at once; busy, what arrives meanwhile forms the next run.

All state is touched on the event loop alone, so there is no lock. What waits is counted in images; each run takes up
to `chunk_images` of them, and a submission that is larger comes in parts, one in each run, between which others run.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from app.errors import CallerGone, DeadlineExceeded, QueueFull
from app.inference.session import Frames, Scores
from app.inference.submission import Line, Part, Submission, Tell, never
from app.metrics import Metrics

LONG_SECONDS = 5.0  # a deadline so far away is seen when its turn comes: a timer for it costs 4 % of a request
SMOOTHING = 0.1  # of the measured time per image: about the last ten runs count


class Batcher:
    """Feeds one model's `run` with all that waits for it."""

    def __init__(
        self,
        run: Callable[[Frames], Scores],
        metrics: Metrics,
        *,
        name: str,
        chunk_images: int,
        max_queue_images: int,
        max_wait_seconds: float = float("inf"),
        inline_images: int = 0,
    ) -> None:
        """Runs of up to `inline_images` happen on the event loop, which saves the hop to a thread and back.

        `last_success` is when a run last worked, on time.perf_counter's clock.
        """
        self._run = run
        self._chunk_images = chunk_images
        self._max_queue_images = max_queue_images
        self._max_wait_seconds = max_wait_seconds
        self._inline_images = inline_images
        self._small, self._large = Line(), Line()  # up to a chunk, and beyond
        self._published_images = 0
        self._turn = 0
        self._seconds_per_image = 0.0
        self.last_success = float("-inf")
        self._scheduled = False
        self._busy = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"run-{name}")
        self._run_images = metrics.run_images.labels(name)
        self._queue_gauge = metrics.queue_images.labels(name)

    async def run(
        self, frames: Frames, deadline: float | None = None, is_gone: Callable[[], bool] = never
    ) -> Submission:
        """As `submit`, for coroutines: returns the finished submission, or raises its error."""
        finished = asyncio.Event()
        submission = self.submit(frames, lambda _: finished.set(), deadline, is_gone)
        try:
            await finished.wait()
        finally:
            submission.done = True  # a coroutine that was cancelled here waits for nothing any more
        if submission.error is None:
            return submission
        try:
            raise submission.error
        finally:
            del submission  # which else would hold its error, and the error, by its traceback, this frame

    def submit(
        self, frames: Frames, tell: Tell, deadline: float | None = None, is_gone: Callable[[], bool] = never
    ) -> Submission:
        """Queue uint8 [N, 28, 28]. `tell` is called with the submission, once, when it has float32 [N, 11] or an error.

        `deadline` is on the event loop's clock; `is_gone` says whether nobody waits for the answer any more. Errors
        told: DeadlineExceeded, CallerGone and what the run raises. Raises QueueFull.
        """
        submission = Submission(frames, tell, is_gone)
        images = len(frames)
        if not images:  # a batch of which every item failed
            submission.finish()
            return submission
        if self._queued_images + images > self._max_queue_images:
            raise self._full(f"this request brings {images}")
        loop = self._loop = self._loop or asyncio.get_running_loop()  # which asks the kernel each time
        if deadline is not None:
            submission.deadline = deadline
        if submission.deadline < loop.time() + LONG_SECONDS:
            submission.timer = loop.call_at(submission.deadline, self._expire, submission)
        line = self._small if images <= self._chunk_images else self._large
        line.submissions.append(submission)
        line.images += images
        if self._busy:
            self._publish()
        elif images == 1 and self._queued_images >= self._chunk_images:
            self._start(loop)  # a whole run of singles: at once, while all of it is in the processor's caches
        else:
            self._schedule(loop)  # after all that the event loop has read in this turn: what waits must be known
        return submission

    def close(self) -> None:
        """Let the run in progress end and free its thread. To be called when no request is left."""
        self._thread.shutdown()

    def check_wait(self, *, single: bool) -> None:
        """Raises QueueFull where a request would wait too long by the measured speed. To be asked once, at its start.

        A single image waits for others like it alone, in half of every run while large batches wait too.
        """
        images = self._small.images * (2 if self._large.images else 1) if single else self._queued_images
        if images * self._seconds_per_image > self._max_wait_seconds:
            raise self._full(f"at most {self._max_wait_seconds:g} s are waited")

    def _full(self, why: str) -> QueueFull:
        wait = self._queued_images * self._seconds_per_image
        return QueueFull(
            f"{self._queued_images} images are waiting, for about {wait:.1f} s, and {why}; at most "
            f"{self._max_queue_images} may wait. Try again after Retry-After, or send smaller batches.",
            retry_after=wait,
        )

    @property
    def _queued_images(self) -> int:
        return self._small.images + self._large.images

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if not self._busy:
            self._start(loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run up to a chunk of what waits, here or on the thread."""
        parts = self._take()
        if not parts:
            return
        self._busy = True
        if sum(stop - start for _, start, stop in parts) <= self._inline_images:
            self._end(parts, _timed(self._run, parts), loop)
            return
        try:
            running = loop.run_in_executor(self._thread, _timed, self._run, parts)
        except RuntimeError as error:  # no thread could be started
            self._end(parts, (error, 0.0, perf_counter()), loop)
        else:
            running.add_done_callback(lambda done: self._end(parts, done.result(), loop))

    def _end(self, parts: list[Part], outcome: "Outcome", loop: asyncio.AbstractEventLoop) -> None:
        self._finish(parts, outcome)
        self._busy = False
        if self._small.submissions or self._large.submissions:
            self._schedule(loop)

    def _take(self) -> list[Part]:
        """Up to a chunk of images. While large submissions wait, half of it is theirs, so that neither kind starves
        the other: a single image never waits for more than the run in progress and its own.
        """
        parts: list[Part] = []
        self._turn ^= 1  # decides where a chunk has no half
        theirs = (self._chunk_images + self._turn) // 2 if self._large.submissions else 0
        room = theirs + self._take_from(self._small, self._chunk_images - theirs, parts)
        room = self._take_from(self._large, room, parts)
        self._publish()
        return parts

    def _take_from(self, line: Line, room: int, parts: list[Part]) -> int:
        """Append parts until `room` is full, and return what is left of it. What nobody waits for is dropped."""
        assert self._loop is not None  # something was submitted
        now = self._loop.time()
        for _ in range(len(line.submissions)):
            if not room:
                break
            submission = line.submissions.popleft()
            if submission.is_gone():
                submission.finish(CallerGone())
            elif submission.deadline <= now:
                self._expire(submission)
            if submission.done:  # its caller has gone, or its deadline has, or an earlier run of it broke
                line.images -= submission.waiting
                continue
            start = submission.taken
            submission.taken = min(start + room, len(submission.frames))
            parts.append((submission, start, submission.taken))
            room -= submission.taken - start
            line.images -= submission.taken - start
            if submission.waiting:
                line.submissions.append(submission)
        return room

    def _publish(self) -> None:
        """Bring the gauge up to date: by a difference, as all live versions of a model share it."""
        if change := self._queued_images - self._published_images:
            self._published_images = self._queued_images
            self._queue_gauge.inc(change)

    def _finish(self, parts: list[Part], outcome: "Outcome") -> None:
        result, seconds, finished = outcome
        images = sum(stop - start for _, start, stop in parts)
        self._run_images.observe(images)
        if not isinstance(result, Exception):
            self.last_success = finished
            # From full runs, as when many wait: small ones take longer an image. Good news is always believed.
            if 2 * images >= self._chunk_images or seconds / images < self._seconds_per_image:
                self._learn_speed(seconds / images)
        row = 0
        for submission, start, stop in parts:
            if not submission.done:
                submission.finished = finished
                submission.ran += seconds
                submission.largest_run = max(submission.largest_run, images)
                _deliver(submission, start, stop, result, row)
            row += stop - start

    def _learn_speed(self, seconds_per_image: float) -> None:
        known = self._seconds_per_image or seconds_per_image
        self._seconds_per_image = known + SMOOTHING * (seconds_per_image - known)

    def _expire(self, submission: Submission) -> None:
        waited = perf_counter() - submission.arrived
        submission.finish(
            DeadlineExceeded(
                f"the deadline passed after {waited * 1000:.0f} ms in the queue with {submission.waiting} of "
                f"{len(submission.frames)} images unread; allow more with X-Deadline-Ms, or send less at a time"
            )
        )


Outcome = tuple[Scores | Exception, float, float]  # result, seconds that it took, when it was there


def _timed(run: Callable[[Frames], Scores], parts: list[Part]) -> Outcome:
    started = perf_counter()
    try:
        result: Scores | Exception = run(_gather(parts))
    except Exception as error:  # whatever it is, those who wait for it must learn of it
        result = error
    finished = perf_counter()
    return result, finished - started, finished


def _gather(parts: list[Part]) -> Frames:
    slices = [submission.frames[start:stop] for submission, start, stop in parts]
    return slices[0] if len(slices) == 1 else np.concatenate(slices)


def _deliver(submission: Submission, start: int, stop: int, result: Scores | Exception, row: int) -> None:
    if isinstance(result, Exception):
        submission.finish(result)
        return
    rows, images = result[row : row + stop - start], len(submission.frames)
    if len(rows) == images:  # all in one run, as every single image: nothing is copied
        submission.scores = rows
    else:
        if not start:
            submission.scores = np.empty((images, rows.shape[1]), np.float32)
        submission.scores[start:stop] = rows
    if stop == images:
        submission.finish()
