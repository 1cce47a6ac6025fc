"""Batching without a timer: idle, a request runs at once; busy, what arrives meanwhile forms the next run.

All state is touched on the event loop alone, so there is no lock. What waits is counted in rows; each run takes up to
`max_batch_size` of them, and a submission that is larger comes in slices, one in each run, between which others run.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING

from app.errors import CallerGone, DeadlineExceeded, QueueFull
from app.inference.session import Tensors
from app.serving.context import IsGone, never
from app.serving.slices import Outcome, Run, Slice, deliver, timed
from app.serving.submission import NO_DEADLINE, Queue, Submission
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:  # an extra
    from app.telemetry.tracing import Trace

LONG_SECONDS = 5.0  # a deadline so far away is seen when its turn comes: a timer for it costs 4 % of a request
MOST_OTHERS = 256  # of other shapes that are passed over to fill a run
RUN_BYTES = 4 * 1024 * 1024  # of inputs in one run, where rows are large: what comes out is copied on the event loop
SMOOTHING = 0.1  # of the measured time per row: about the last ten runs count


class Batcher:
    """Feeds one model's `run` with all that waits for it."""

    def __init__(
        self,
        run: Run,
        metrics: Metrics,
        *,
        name: str,
        version: str,
        max_batch_size: int,
        max_queue_rows: int,
        max_wait_seconds: float = float("inf"),
        inline_rows: int = 0,
        batched: bool = True,
        shapes_vary: bool = False,
    ) -> None:
        """Runs of up to `inline_rows` happen on the event loop, which saves the hop to a thread and back.

        Where not `batched`, each submission is run alone and as it is, and counts as one row. Where `shapes_vary`, only
        rows of the same shapes are run together. `last_success` is when a run last worked, on perf_counter's clock.
        """
        self._run = run
        self._batched = batched
        self._shapes_vary = shapes_vary and batched
        self._max_batch_size = max_batch_size if batched else 1
        self._max_queue_rows = max_queue_rows
        self._max_wait_seconds = max_wait_seconds
        self._inline_rows = inline_rows
        self._small, self._large = Queue(), Queue()  # up to a batch, and beyond
        self._published_rows = 0
        self._turn = 0
        self._seconds_per_row = 0.0
        self.last_success = float("-inf")
        self._scheduled = False
        self._busy = False
        self._began = 0.0  # the run in progress
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"run-{name}")
        self._metrics, self._names = metrics, (name, version)
        self._run_images = metrics.run_images.labels(name)
        self._queue_gauge = metrics.queue_images.labels(name)

    def submit(
        self,
        inputs: Tensors,
        deadline: float = NO_DEADLINE,
        is_gone: IsGone = never,
        trace: "Trace | None" = None,
    ) -> Submission:
        """Queue tensors of the same number of rows. What comes back is to be awaited.

        `deadline` is on the event loop's clock; `is_gone` says whether nobody waits for the answer any more.
        Raises QueueFull.
        """
        rows = len(inputs[0]) if self._batched else 1
        submission = Submission(inputs, rows, deadline, is_gone, trace)
        if self._shapes_vary:
            submission.shapes = [tensor.shape[1:] for tensor in inputs]
            submission.nbytes = max(1, sum(tensor.nbytes for tensor in inputs))
        if self._queued_rows + rows > self._max_queue_rows:
            raise self._full(f"this request brings {rows}")
        loop = self._loop = self._loop or asyncio.get_running_loop()  # which asks the kernel each time
        if deadline < loop.time() + LONG_SECONDS:
            submission.timer = loop.call_at(deadline, self._expire, submission)
        queue = self._small if rows <= self._max_batch_size else self._large
        queue.submissions.append(submission)
        queue.rows += rows
        if self._busy:
            self._publish()
        elif rows == 1 and self._queued_rows >= self._max_batch_size:
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
        images = self._small.rows * (2 if self._large.rows else 1) if single else self._queued_rows
        running = perf_counter() - self._began if self._busy else 0.0  # it may go on for as long again
        if images * self._seconds_per_row + running > self._max_wait_seconds:
            raise self._full(f"at most {self._max_wait_seconds:g} s are waited")

    def _full(self, why: str) -> QueueFull:
        wait = self._queued_rows * self._seconds_per_row
        return QueueFull(
            f"{self._queued_rows} items are waiting, for about {wait:.1f} s, and {why}; at most "
            f"{self._max_queue_rows} may wait. Try again after Retry-After, or send smaller batches.",
            retry_after=wait,
        )

    @property
    def _queued_rows(self) -> int:
        return self._small.rows + self._large.rows

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if not self._busy:
            self._start(loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run up to a batch of what waits, here or on the thread."""
        slices = self._take()
        if not slices:
            return
        self._busy, self._began = True, perf_counter()
        if sum(stop - start for _, start, stop in slices) <= self._inline_rows:
            self._end(slices, timed(self._run, slices), loop)
            return
        try:
            running = loop.run_in_executor(self._thread, timed, self._run, slices)
        except RuntimeError as error:  # no thread could be started
            self._end(slices, (error, 0.0, perf_counter()), loop)
        else:
            running.add_done_callback(lambda done: self._end(slices, done.result(), loop))

    def _end(self, slices: list[Slice], outcome: Outcome, loop: asyncio.AbstractEventLoop) -> None:
        self._busy = False
        if isinstance(outcome[0], Exception) and len(slices) > 1:
            self._run_apart(slices, loop)  # one of them may have broken it for all
            return
        self._finish(slices, outcome)
        if self._small.submissions or self._large.submissions:
            self._schedule(loop)

    def _run_apart(self, slices: list[Slice], loop: asyncio.AbstractEventLoop) -> None:
        """Run these again, each alone, on the thread."""
        first, *others = slices
        self._busy, self._began = True, perf_counter()

        def end(outcome: Outcome) -> None:
            self._busy = False
            self._finish([first], outcome)
            if others:
                self._run_apart(others, loop)
            elif self._small.submissions or self._large.submissions:
                self._schedule(loop)

        try:
            running = loop.run_in_executor(self._thread, timed, self._run, [first])
        except RuntimeError as error:  # no thread could be started
            end((error, 0.0, perf_counter()))
        else:
            running.add_done_callback(lambda done: end(done.result()))

    def _take(self) -> list[Slice]:
        """Up to `max_batch_size` rows. While large submissions wait, half of it is theirs, so that neither kind starves
        the other: a single image never waits for more than the run in progress and its own.
        """
        slices: list[Slice] = []
        self._turn ^= 1  # decides where it has no half
        theirs = (self._max_batch_size + self._turn) // 2 if self._large.submissions else 0
        if theirs and self._shapes_vary and self._turn:  # of no small one's shape, they would find no room behind these
            room = self._max_batch_size - theirs + self._take_from(self._large, theirs, slices)
            self._take_from(self._small, room, slices)
        else:
            room = theirs + self._take_from(self._small, self._max_batch_size - theirs, slices)
            self._take_from(self._large, room, slices)
        self._publish()
        return slices

    def _take_from(self, queue: Queue, room: int, slices: list[Slice]) -> int:
        """Append slices until `room` is full, and return what is left of it. What nobody waits for is dropped."""
        assert self._loop is not None  # something was submitted
        now, others = self._loop.time(), list[Submission]()
        for _ in range(len(queue.submissions)):
            if not room or len(others) == MOST_OTHERS:
                break
            submission = queue.submissions.popleft()
            if slices and submission.shapes != slices[0][0].shapes:
                others.append(submission)
                continue
            if submission.is_gone():
                submission.finish(CallerGone())
            elif submission.deadline <= now:
                self._expire(submission)
            if submission.done:  # its caller has gone, or its deadline has, or an earlier run of it broke
                queue.rows -= submission.waiting
                continue
            if self._shapes_vary and not slices:
                room = min(room, max(1, RUN_BYTES * submission.rows // submission.nbytes))
            start = submission.taken
            submission.taken = min(start + room, submission.rows)
            slices.append((submission, start, submission.taken))
            room -= submission.taken - start
            queue.rows -= submission.taken - start
            if submission.waiting:
                queue.submissions.append(submission)
        queue.submissions.extendleft(reversed(others))
        return room

    def _publish(self) -> None:
        """Bring the gauge up to date: by a difference, as all live versions of a model share it."""
        if change := self._queued_rows - self._published_rows:
            self._published_rows = self._queued_rows
            self._queue_gauge.inc(change)

    def _finish(self, slices: list[Slice], outcome: Outcome) -> None:
        result, seconds, finished = outcome
        rows = sum(stop - start for _, start, stop in slices)
        self._run_images.observe(rows)
        self._metrics.ran(*self._names, rows, seconds)
        if traces := [trace for submission, *_ in slices if (trace := submission.trace) is not None]:
            model, version = self._names
            said = {"digitserve.model": model, "digitserve.version": version, "digitserve.rows": rows}
            traces[0].ran(traces, said, finished - seconds, finished)
        if not isinstance(result, Exception):
            self.last_success = finished
            # Small runs take longer a row than those that what waits will come in: they count only where they show
            # that rows take less than was thought. Where shapes vary, most runs are small ones.
            if self._shapes_vary or 2 * rows >= self._max_batch_size or seconds / rows < self._seconds_per_row:
                self._learn_speed(seconds / rows)
        row = 0
        for submission, start, stop in slices:
            if not submission.done:
                submission.finished = finished
                submission.ran += seconds
                submission.largest_run = max(submission.largest_run, rows)
                alone = len(slices) == 1 and stop - start == submission.rows
                deliver(submission, start, stop, result, row, alone=alone)
            row += stop - start

    def _learn_speed(self, seconds_per_row: float) -> None:
        known = self._seconds_per_row or seconds_per_row
        self._seconds_per_row = known + SMOOTHING * (seconds_per_row - known)

    def _expire(self, submission: Submission) -> None:
        waited = perf_counter() - submission.arrived
        submission.finish(
            DeadlineExceeded(
                f"the deadline passed after {waited * 1000:.0f} ms in the queue with {submission.waiting} of "
                f"{submission.rows} items unread; send less at a time."
            )
        )
