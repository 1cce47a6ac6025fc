"""How one chunk of very many images is asked for until it is answered: plans, as those in `plans`.

A prediction changes nothing, so that asking again is always safe. What is too much for one request, or breaks the
service, is asked for in halves; while the service is away or busy it is asked again, until patience is over.
"""

import logging
import math
import operator
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import httpx

from digitserve_client import answers, calls, images
from digitserve_client.calls import Call, Options
from digitserve_client.chunks import FORM_BYTES, Chunk, Held, Size, noting
from digitserve_client.errors import (
    DeadlineExceeded,
    DigitserveError,
    InternalError,
    Timeout,
    TooLarge,
    Undecodable,
)
from digitserve_client.images import RAW, NotAnImage, Part
from digitserve_client.plans import Plan, Prepare, Sleep, Terms, failure, sent, told_limits
from digitserve_client.results import ItemError, Limits, Prediction
from digitserve_client.retry import FIRST, Deadline, delay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("digitserve_client")

Answer: TypeAlias = Prediction | ItemError
R = TypeVar("R")
TOO_SLOW = (DeadlineExceeded, Timeout)
LASTING = (*TOO_SLOW, InternalError)  # after some tries; one image may be to blame for it, or the service
TOO_MUCH = (*LASTING, TooLarge, Undecodable)  # for one request; half of it may pass
NOTHING_PASSES = 16  # requests in a row that failed so: the service is to blame
AWAY = frozenset({"http_502", "http_504"})  # codes of a balancer's answers: its service is gone, or restarts
TOO_MUCH_WORK = "too_much_work"  # of an image, too, before which others have used up the request's budget
PATIENCE = 60.0  # seconds: a restart takes some
TRANSIT = 10.0  # seconds that a request and its answer may be on their way


@dataclass
class Run:
    """What the chunks of one run share. `patience` is in seconds, counted from the last answer to any of them."""

    options: Options
    terms: Terms
    size: Size
    at_once: int
    patience: float
    strict: bool = False
    """Whether a file that cannot be read, or is no picture, is raised; otherwise that is its answer."""
    deadline: Deadline = field(init=False)
    answered: float = field(init=False)
    failed: int = field(init=False, default=0)
    """Requests since then that failed lastingly."""

    def __post_init__(self) -> None:
        if self.at_once < 1:
            raise ValueError(f"expected at_once of 1 or more; got {self.at_once}")
        if not self.patience >= 0:
            raise ValueError(f"expected patience of 0 seconds or more; got {self.patience}")
        self.deadline = Deadline.after(self.options.deadline_ms, self.terms.clock)
        self.answered = self.terms.clock()

    @property
    def timeout(self) -> float:
        """Seconds; by then the service itself has given a request up."""
        return max(self.terms.timeout, self.size.limits.deadline_seconds + TRANSIT)

    def gives_up(self, since: float, wait: float = 0.0) -> bool:
        """Whether a request that was first sent at `since` is not to be sent again, after so many seconds."""
        now = self.terms.clock() + wait
        return now >= self.deadline.ends or now - max(self.answered, since) > self.patience

    def was_answered(self) -> None:
        """A request was, now."""
        self.answered, self.failed = self.terms.clock(), 0

    def is_to_end(self, error: DigitserveError, since: float, images: int) -> bool:
        """Whether the run ends with a request of so many images that failed lastingly, and was begun at `since`."""
        now = self.terms.clock()
        self.failed += 1
        if error.code in AWAY or self.failed >= NOTHING_PASSES or now + FIRST >= self.deadline.ends:
            return True
        if images == 1 and self.answered > since:  # the image is to blame, and its tries are not the service's time
            self.answered = now
        return isinstance(error, TOO_SLOW) and self.gives_up(since)


@dataclass(frozen=True)
class Form(Generic[R]):
    """In which form a chunk is answered."""

    accept: str
    read: Callable[[httpx.Response, int], R]
    joined: Callable[[R, R], R]
    refused: Callable[[DigitserveError], R]
    """The answer to a single image, of which that was said."""


def item_error(error: DigitserveError) -> ItemError:
    """An error of a request as that of the one image in it."""
    return ItemError(error.status or 0, error.code, error.detail, request_id=error.request_id)


def _concatenated(first: "NDArray[np.float32]", last: "NDArray[np.float32]") -> "NDArray[np.float32]":
    import numpy as np  # whoever wants arrays has it

    return np.concatenate((first, last))


def _nothing(_: DigitserveError) -> "NDArray[np.float32]":
    import numpy as np

    return np.full((1, 10), np.nan, np.float32)


TYPED: Form[list[Answer]] = Form(
    "application/json", answers.predictions, operator.add, lambda error: [item_error(error)]
)
ROWS = Form("application/x-npy", answers.probabilities, _concatenated, _nothing)


def predictions(chunk: Chunk[Held], run: Run) -> Plan[list[Answer]]:
    """An answer for each image of the chunk, in order. Raises DigitserveError; where `strict`, what reading raises."""
    if isinstance(held := chunk.held, bytes):
        return (yield from _asked(Chunk(chunk.start, held), TYPED, run))
    read: list[Part | ItemError] = yield Prepare(
        lambda: [_read(one, chunk.start + place, run) for place, one in enumerate(held)]
    )
    parts = tuple(one for one in read if isinstance(one, Part))
    given = iter((yield from _settled(parts, run)))
    return [next(given) if isinstance(one, Part) else one for one in read]


def probabilities(chunk: Chunk[Held], run: Run) -> "Plan[NDArray[np.float32]]":
    """Float32 [N, 10], a row for each image of the chunk; NaN where it failed. Raises DigitserveError."""
    import numpy as np

    if frames := _frames(chunk):
        return (yield from _asked(frames, ROWS, run))
    found = yield from predictions(chunk, run)
    rows = [one.probabilities if isinstance(one, Prediction) else [np.nan] * 10 for one in found]
    return np.array(rows, np.float32)


def _frames(chunk: Chunk[Held]) -> Chunk[Part] | None:
    """The chunk as raw frames end to end, where it holds nothing else."""
    if isinstance(chunk.held, bytes):
        return Chunk(chunk.start, chunk.held)
    parts = [held for held in chunk.held if isinstance(held, Part) and held.is_frame]
    return Chunk(chunk.start, b"".join(part.content for part in parts)) if len(parts) == len(chunk) else None


def _read(held: Part | Path, place: int, run: Run) -> Part | ItemError:
    if isinstance(held, Part):
        return held
    try:
        return noting(place, lambda path: images.read_file(path, run.size.limits.body_bytes - FORM_BYTES), held)
    except TooLarge as error:
        return ItemError(413, error.code, error.detail, name=images.shown(held.name))
    except (OSError, NotAnImage) as error:
        if run.strict:
            raise
        code = "not_an_image" if isinstance(error, NotAnImage) else "unreadable_file"
        return ItemError(0, code, str(error), "The file was not sent", images.shown(held.name))


def _settled(parts: tuple[Part, ...], run: Run) -> Plan[list[Answer]]:
    """The answers; an image that came too late for its request's budget of work is asked for in a smaller one."""
    if not parts:
        return []
    found = yield from _asked(Chunk(0, parts), TYPED, run)
    late = [place for place, one in enumerate(found) if isinstance(one, ItemError) and one.code == TOO_MUCH_WORK]
    if late and len(parts) > 1:
        half = len(late) // 2 if len(late) == len(parts) else 0
        for places in (late[:half], late[half:]):
            again = yield from _settled(tuple(parts[place] for place in places), run)
            for place, answer in zip(places, again, strict=True):
                found[place] = answer
    return found


def limits(run: Run) -> Plan[Limits]:
    """What one request may hold, asked for with the run's patience. Raises DigitserveError."""
    call = calls.limits()
    return (yield from told_limits(_patiently(call, call.path, math.inf, run, run.terms.timeout, run.terms.clock())))


def _asked(chunk: Chunk[Part], form: Form[R], run: Run) -> Plan[R]:
    """The answer to a chunk of parts or frames, whole or in halves.

    Raises DigitserveError. What only an image alone is to blame for is that image's answer; where no image of this or
    another chunk is answered meanwhile, it is the service that is to blame.
    """
    began = run.terms.clock()
    found: dict[int, R] = {}
    alone: DigitserveError | None = None
    waiting = deque([chunk])
    while waiting:
        part = waiting.popleft()
        try:
            _check_size(part, run.size.limits.body_bytes)
            found[part.start] = form.read((yield from _answered(part, form, run, began)), len(part))
        except TOO_MUCH as error:
            if isinstance(error, LASTING):
                if run.is_to_end(error, began, len(part)):
                    raise
                alone = error if len(part) == 1 else alone
            if len(part) == 1:
                found[part.start] = form.refused(error)
                continue
            log.info("%d images are too much for one request (%s); they go in halves", len(part), error)
            run.size.smaller()
            waiting.extend(part.halves())  # behind the others: their answers tell who is to blame
    if alone and run.answered <= began:
        raise alone
    return reduce(form.joined, (found[start] for start in sorted(found)))


def _check_size(chunk: Chunk[Part], most_bytes: int) -> None:
    """Raises TooLarge. A service that refuses a body closes the connection, and may not be heard before that breaks."""
    held = chunk.held
    size = len(held) if isinstance(held, bytes) else sum(len(part.content) + FORM_BYTES for part in held)
    if size > most_bytes:
        raise TooLarge(f"expected up to {most_bytes:,} bytes in a body; got {size:,}; send less", code="body_too_large")


def _answered(chunk: Chunk[Part], form: Form[R], run: Run, began: float) -> Plan[httpx.Response]:
    body = Part(chunk.held, RAW) if isinstance(chunk.held, bytes) else images.joined(chunk.held)
    call = calls.predict_batch(body, run.options, form.accept)
    slow_for = min(run.patience, PATIENCE) if len(chunk) == 1 else 0.0
    return _patiently(call, f"{len(chunk)} images", slow_for, run, run.timeout, began)


def _patiently(call: Call, named: str, slow_for: float, run: Run, timeout: float, began: float) -> Plan[httpx.Response]:
    """The response, after as many tries as it takes; it may be too slow for so many seconds."""
    slow_until = run.terms.clock() + slow_for
    for attempt in count():
        left = run.deadline.left()
        at = run.terms.clock()
        outcome = yield from sent(call.within(left), min(timeout, left), run.terms)
        error = failure(outcome, left <= timeout)
        if error is None:
            assert isinstance(outcome, httpx.Response)
            run.was_answered()
            run.size.took(run.answered - at)
            return outcome
        wait = delay(attempt, error.retry_after, run.terms.random())
        if not _may_pass(error, attempt, slow_until, run) or run.gives_up(began, wait):
            raise error
        log.info("try %d of %s failed, the next in %.1f s: %s", attempt + 1, named, wait, error)
        yield Sleep(wait)
    raise AssertionError("count() has no end")


def _may_pass(error: DigitserveError, attempt: int, slow_until: float, run: Run) -> bool:
    if isinstance(error, InternalError) and error.code not in AWAY:
        return attempt < run.terms.retries
    slow = isinstance(error, TOO_SLOW) and run.terms.clock() < slow_until
    return error.retryable or error.code in AWAY or slow
