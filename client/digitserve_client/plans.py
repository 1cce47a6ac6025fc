"""What a client does, as generators: each yields the steps that block, and a shell carries them out.

One plan serves both shells, so that Client and AsyncClient cannot differ in anything but how they wait.
"""

import logging
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias, TypeVar

import httpx

from digitserve_client import answers, calls, images
from digitserve_client.calls import Call, Options
from digitserve_client.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    DigitserveError,
    NotFound,
    Timeout,
    Unavailable,
    translated,
)
from digitserve_client.images import AnyImage, Part
from digitserve_client.results import Explanation, Limits, Model, Number, Prediction
from digitserve_client.retry import Deadline, wait_after

log = logging.getLogger("digitserve_client")

LOOK = 0.2  # seconds between looks at whether a service is ready
BALANCERS = frozenset({502, 504})  # statuses of a balancer that finds no service behind it


Inject: TypeAlias = Callable[[dict[str, str]], object]


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
    """How patient a client is: `timeout` in seconds for each request, `retries` after the first try.

    `inject` adds headers to each request, as OpenTelemetry's does.
    """

    timeout: float
    retries: int
    inject: Inject | None = None
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


def models(terms: Terms) -> Plan[list[Model]]:
    """The live models."""
    call = Call("GET", "/v1/models")
    return answers.models((yield from _answered(call, terms, Deadline.after(None, terms.clock))))


def limits(terms: Terms) -> Plan[Limits]:
    """What one request may hold; what is usual, of a service that does not tell."""
    return (yield from told_limits(_answered(calls.limits(), terms, Deadline.after(None, terms.clock))))


def told_limits(asked: Plan[httpx.Response]) -> Plan[Limits]:
    """Those of the answer."""
    try:
        return answers.limits((yield from asked))
    except NotFound:
        return Limits()


def ready(terms: Terms) -> Plan[bool]:
    """One look, no retries: the caller asks in order to know now."""
    return (yield from _unready(terms, terms.timeout)) is None


def wait_ready(terms: Terms, seconds: float) -> Plan[None]:
    """Look again and again, for so many seconds. Raises the last look's error."""
    ends = terms.clock() + seconds
    while error := (yield from _unready(terms, max(LOOK, min(terms.timeout, ends - terms.clock())))):
        if terms.clock() + LOOK > ends:
            raise error
        yield Sleep(LOOK)


def _unready(terms: Terms, timeout: float) -> Plan[DigitserveError | None]:
    error = failure((yield from sent(Call("GET", "/health/ready"), timeout, terms)))
    if error is None or isinstance(error, Unavailable | ConnectionFailed | Timeout) or error.status in BALANCERS:
        return error
    raise error


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
        outcome = yield from sent(call.within(left), min(terms.timeout, left), terms)
        error = failure(outcome, left <= terms.timeout)
        if error is None:
            assert isinstance(outcome, httpx.Response)
            return outcome
        wait = wait_after(error, attempt, terms.retries, deadline.ends - terms.clock(), terms.random())
        if wait is None:
            raise error
        log.info("try %d of %s failed, the next in %.1f s: %s", attempt + 1, call.path, wait, error)
        yield Sleep(wait)
    raise AssertionError("count() has no end")


def sent(call: Call, timeout: float, terms: Terms) -> Plan[httpx.Response | httpx.HTTPError]:
    """What came of one request, sent once."""
    if terms.inject is not None:
        headers = dict(call.headers)
        terms.inject(headers)
        call = replace(call, headers=headers)
    began = terms.clock()
    outcome: httpx.Response | httpx.HTTPError = yield Send(call, timeout)
    if log.isEnabledFor(logging.DEBUG):
        came = repr(outcome) if isinstance(outcome, httpx.HTTPError) else outcome.status_code
        log.debug("%s %s: %s after %.0f ms", call.method, call.path, came, (terms.clock() - began) * 1000)
    return outcome


def failure(outcome: httpx.Response | httpx.HTTPError, until_deadline: bool = False) -> DigitserveError | None:
    """What an outcome of a Send stands for, which may have lasted until the caller's deadline; None of a good one."""
    if not isinstance(outcome, httpx.HTTPError):
        return answers.failure(outcome, time.time())
    error = translated(outcome)
    if not (until_deadline and isinstance(error, Timeout)):
        return error
    late = DeadlineExceeded("no answer came before the deadline; allow more time")
    late.__cause__ = error
    return late
