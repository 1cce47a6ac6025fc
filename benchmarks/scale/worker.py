"""One worker of the service, simulated (SimPy): an event loop, its batcher and its process for pictures, on one core.

As `app/serving/batcher` and `app/serving/pool` have them: a turn of the loop reads all that has come, up to a full run;
a run takes up to `batch_rows` of what waits, one run at a time; pictures are decoded one after the other, and give way
to the loop; what would wait too long by the measured speed is refused before it is read.
"""

import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import simpy

from benchmarks.scale.stalls import Losses

Steps = Generator[simpy.Event, Any, None]
LOOP, DECODING = 0, 1  # priorities: what wakes up goes before what has long run
NOTHING = 1e-12  # seconds
SMOOTHING, RUN_SMOOTHING = 0.25, 0.1  # as the pool's, and the batcher's


@dataclass(frozen=True)
class Costs:
    """Seconds of one kind of request on a core of its own."""

    turn: float  # of the event loop, however many requests it reads
    before: float  # reading a request, up to its run
    after: float  # writing its answer
    refusal: float
    decode: float  # in the process for pictures, on average; 0: it needs none
    rows: int
    runs: tuple[tuple[int, float], ...]  # rows and seconds of a run; what lies between is interpolated

    @cached_property
    def run_seconds(self) -> list[float]:
        """By rows."""
        rows, seconds = zip(*self.runs, strict=True)
        return [float(np.interp(n, rows, seconds)) for n in range(max(rows) + 1)]


@dataclass(frozen=True)
class Limits:
    """Of one worker, by the names of the service's settings."""

    batch_rows: int  # max_batch_size
    queue_rows: int  # max_queue_images
    wait_seconds: float  # max_wait_seconds


@dataclass(slots=True)
class Request:
    """One request: when it came, and how its picture compares with the mean one."""

    came: float
    size: float = 1.0
    ended: float = field(default=float("nan"))
    refused: bool = False


Ended = Callable[[Request], None]


class Core:
    """What runs on it, one at a time; others may take it away."""

    def __init__(self, env: simpy.Environment, losses: Losses, *, shared: bool) -> None:
        """`shared`: between the loop and the process for pictures."""
        self._env, self._losses = env, losses
        self._turns = simpy.PreemptiveResource(env) if shared else None
        self.busy = 0.0  # seconds

    def work(self, seconds: float, priority: int = LOOP) -> Steps:
        self.busy += seconds
        left = seconds + self._losses.during(seconds)
        if self._turns is None:
            yield self._env.timeout(left)
            return
        while left > NOTHING:
            with self._turns.request(priority) as turn:
                began = math.inf  # not at all, where it is taken away as soon as it is given
                try:
                    yield turn
                    began = self._env.now
                    yield self._env.timeout(left)
                    left = 0.0
                except simpy.Interrupt:
                    left -= max(0.0, self._env.now - began)


class Worker:
    """All its requests come by `send` and end by `ended`, answered or refused."""

    def __init__(
        self, env: simpy.Environment, costs: Costs, limits: Limits, ended: Ended, losses: Losses | None = None
    ) -> None:
        self._env, self._costs, self._limits, self._ended = env, costs, limits, ended
        self.core = Core(env, losses or Losses([]), shared=costs.decode > 0)
        self._inbox, self._decoded = deque[Request](), deque[Request]()
        self._pictures, self._queue = deque[Request](), deque[Request]()
        self._decoding_since: float | None = None
        self.in_hand = 0  # requests that came and have not ended
        self._job_seconds = self._row_seconds = self._owed = 0.0
        self._woken, self._picture_came = env.event(), env.event()
        env.process(self._loop())
        if costs.decode:
            env.process(self._decode())

    def send(self, request: Request) -> None:
        self.in_hand += 1
        self._inbox.append(request)
        self._wake()

    def _wake(self) -> None:
        if not self._woken.triggered:
            self._woken.succeed()

    def _loop(self) -> Steps:
        while True:
            if not (self._inbox or self._decoded or self._queue):
                self._woken = self._env.event()
                yield self._woken
            self._queue += self._decoded
            self._decoded.clear()
            self._owed = self._costs.turn
            for _ in range(len(self._inbox)):
                if self._rows >= self._limits.batch_rows and self._costs.rows == 1:
                    break  # a whole run of singles: at once
                yield from self._read(self._inbox.popleft())
            if self._queue:
                yield from self._run()

    @property
    def _rows(self) -> int:
        return len(self._queue) * self._costs.rows

    def _read(self, request: Request) -> Steps:
        costs = self._costs
        if self._is_too_much():
            request.refused = True
            yield from self._pay(costs.refusal)
            self._end(request)
            return
        yield from self._pay(costs.before)
        if not costs.decode:
            self._queue.append(request)
            return
        self._pictures.append(request)
        if not self._picture_came.triggered:
            self._picture_came.succeed()

    def _is_too_much(self) -> bool:
        limits, rows = self._limits, self._rows
        wait = max(rows * self._row_seconds, self._picture_wait())
        return wait > limits.wait_seconds or rows + self._costs.rows > limits.queue_rows

    def _picture_wait(self) -> float:
        if self._decoding_since is None:
            return 0.0
        return max(self._job_seconds, self._env.now - self._decoding_since) * (1 + len(self._pictures))

    def _run(self) -> Steps:
        most = max(1, self._limits.batch_rows // self._costs.rows)
        taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        rows, began = len(taken) * self._costs.rows, self._env.now
        yield from self._pay(self._costs.run_seconds[rows])
        self._learn_speed(rows, self._env.now - began)
        for request in taken:
            yield from self._pay(self._costs.after)
            self._end(request)

    def _learn_speed(self, rows: int, seconds: float) -> None:
        each = seconds / rows
        if 2 * rows >= self._limits.batch_rows or each < self._row_seconds:
            self._row_seconds += RUN_SMOOTHING * (each - self._row_seconds) if self._row_seconds else each

    def _pay(self, seconds: float) -> Steps:
        """Work for so long, and for what is owed: what nobody sees the end of is no event of its own."""
        owed, self._owed = self._owed, 0.0
        yield from self.core.work(owed + seconds)

    def _end(self, request: Request) -> None:
        self.in_hand -= 1
        request.ended = self._env.now
        self._ended(request)

    def _decode(self) -> Steps:
        while True:
            if not self._pictures:
                self._picture_came = self._env.event()
                yield self._picture_came
            request = self._pictures.popleft()
            self._decoding_since = self._env.now
            yield from self.core.work(self._costs.decode * request.size, DECODING)
            seconds = self._env.now - self._decoding_since
            self._job_seconds += SMOOTHING * (seconds - self._job_seconds) if self._job_seconds else seconds
            self._decoding_since = None
            self._decoded.append(request)
            self._wake()
