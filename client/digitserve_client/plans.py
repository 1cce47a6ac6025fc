"""What a client does, as generators: each yields the steps that block, and a shell carries them out.

One plan serves both shells, so that Client and AsyncClient cannot differ in anything but how they wait.
"""

import random
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import httpx

from digitserve_client import answers, calls, images
from digitserve_client.arrays import Array
from digitserve_client.calls import Call, Options
from digitserve_client.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    DigitserveError,
    Timeout,
    Unavailable,
    translated,
)
from digitserve_client.images import AnyImage, Part
from digitserve_client.results import Explanation, ItemError, Model, Number, Prediction
from digitserve_client.retry import Deadline, wait_after


@dataclass(frozen=True, slots=True)
class Prepare:
    """Call `work`, which may read files or compress pixels; answered with what it returns."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Send:
    """Send one request; answered with the response, or with httpx's exception as a value.

    `timeout` is in seconds.
    """

    call: Call
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Terms:
    """How patient a client is: `timeout` in seconds for each request, `retries` after the first try."""

    timeout: float
    retries: int
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"expected a timeout over 0 seconds; got {self.timeout}")
        if self.retries < 0:
            raise ValueError(f"expected 0 retries or more; got {self.retries}")


R = TypeVar("R")
Plan = Generator[Prepare | Send | Sleep, Any, R]


def predict(image: AnyImage, options: Options, terms: Terms) -> Plan[Prediction]:
    """One image. The deadline counts from here and not from the first step, which may have to wait its turn."""
    return _one(image, calls.predict, answers.prediction, options, terms, _deadline(options, terms))


def explain(image: AnyImage, options: Options, terms: Terms) -> Plan[Explanation]:
    """One image, and why it is read so. The deadline counts from here."""
    return _one(image, calls.explain, answers.explanation, options, terms, _deadline(options, terms))


def read(image: AnyImage, options: Options, terms: Terms) -> Plan[list[Number]]:
    """The numbers in one picture. The deadline counts from here."""
    return _one(image, calls.read, answers.numbers, options, terms, _deadline(options, terms))


def _one(
    image: AnyImage,
    call: Callable[[Part, Options], Call],
    answer: Callable[[httpx.Response], R],
    options: Options,
    terms: Terms,
    deadline: Deadline,
) -> Plan[R]:
    body = yield from _prepared(image, images.encode)
    return answer((yield from _answered(call(body, options), terms, deadline)))


def predict_batch(
    batch: Iterable[AnyImage] | Array, options: Options, terms: Terms
) -> Plan[list[Prediction | ItemError]]:
    """Many images in one request; none at all need no request. The deadline counts from here."""
    return _predict_batch(batch, options, terms, _deadline(options, terms))


def _predict_batch(
    batch: Iterable[AnyImage] | Array, options: Options, terms: Terms, deadline: Deadline
) -> Plan[list[Prediction | ItemError]]:
    body = yield from _prepared(batch, images.encode_batch)
    size = len(body.content) // images.FRAME_BYTES if isinstance(body, Part) else len(body)
    if not size:
        return []
    response = yield from _answered(calls.predict_batch(body, options), terms, deadline)
    return answers.predictions(response, size)


def models(terms: Terms) -> Plan[list[Model]]:
    """The live models."""
    call = Call("GET", "/v1/models")
    return answers.models((yield from _answered(call, terms, Deadline.after(None, terms.clock))))


def ready(terms: Terms) -> Plan[bool]:
    """One look, no retries: the caller asks in order to know now."""
    outcome = yield Send(Call("GET", "/health/ready"), terms.timeout)
    error = _failure(outcome)
    if error is not None and not isinstance(error, Unavailable | ConnectionFailed | Timeout):
        raise error
    return error is None


def _deadline(options: Options, terms: Terms) -> Deadline:
    return Deadline.after(options.deadline_ms, terms.clock)


X = TypeVar("X")


def _prepared(value: X, encode: Callable[[X], R]) -> Plan[R]:
    if images.is_at_hand(value):
        return encode(value)  # an event loop's thread would cost more than the work
    prepared: R = yield Prepare(lambda: encode(value))
    return prepared


def _answered(call: Call, terms: Terms, deadline: Deadline) -> Plan[httpx.Response]:
    """The response to `call`, after as many tries as it takes. Raises DigitserveError."""
    for attempt in count():
        left = deadline.left()
        outcome: httpx.Response | httpx.HTTPError = yield Send(call.within(left), min(terms.timeout, left))
        error = _failure(outcome)
        if error is None:
            assert isinstance(outcome, httpx.Response)
            return outcome
        if isinstance(error, Timeout) and left <= terms.timeout:
            raise DeadlineExceeded("no answer came before the deadline; allow more time") from error
        wait = wait_after(error, attempt, terms.retries, deadline.ends - terms.clock(), terms.random())
        if wait is None:
            raise error
        yield Sleep(wait)
    raise AssertionError("count() has no end")


def _failure(outcome: httpx.Response | httpx.HTTPError) -> DigitserveError | None:
    if isinstance(outcome, httpx.HTTPError):
        return translated(outcome)
    return answers.failure(outcome, time.time())
