"""The plans without a network: a clock that only a Sleep moves, and outcomes that the test hands in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import digitserve_client as api
import httpx
import pytest
from digitserve_client import plans
from digitserve_client.calls import Options
from digitserve_client.plans import Plan, Prepare, Send, Sleep, Terms

from .scripted import FOUR, MODEL

GOOD = httpx.Response(200, json=FOUR | {"model": MODEL})
FRAME = bytes(784)


@dataclass
class Run:
    """Carries a plan out in no time; each request takes `took` seconds of the clock."""

    took: float = 0.0
    now: float = 1000.0
    sent: list[Send] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def terms(self, timeout: float = 10.0, retries: int = 3) -> Terms:
        return Terms(timeout, retries, clock=lambda: self.now, random=lambda: 1.0)

    def drive(self, plan: Plan[Any], *outcomes: httpx.Response | httpx.HTTPError) -> Any:
        coming: Iterator[Any] = chain(outcomes, repeat(outcomes[-1] if outcomes else None))
        answer: Any = None
        while True:
            try:
                answer = self._carry_out(plan.send(answer), coming)
            except StopIteration as done:
                return done.value

    def _carry_out(self, step: Prepare | Send | Sleep, coming: Iterator[Any]) -> Any:
        match step:
            case Prepare():
                return step.work()
            case Send():
                self.sent.append(step)
                self.now += self.took
                return next(coming)
            case Sleep():
                self.slept.append(step.seconds)
                self.now += step.seconds
        return None

    def deadlines(self) -> list[str]:
        return [send.call.headers.get("X-Deadline-Ms", "") for send in self.sent]


def busy(seconds: int) -> httpx.Response:
    return httpx.Response(429, json={"code": "queue_full"}, headers={"Retry-After": str(seconds)})


@pytest.fixture
def run() -> Run:
    return Run()


def test_bytes_go_out_at_once(run: Run) -> None:
    assert run.drive(plans.predict(FRAME, Options(), run.terms()), GOOD).digit == 4
    (send,) = run.sent
    assert send.timeout == 10.0
    assert run.deadlines() == [""]


def test_files_are_read_in_a_step_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(FRAME)
    plan = plans.predict(tmp_path / "frame", Options(), Terms(1, 0))
    step = next(plan)
    assert isinstance(step, Prepare)
    assert isinstance(plan.send(step.work()), Send)


@pytest.mark.parametrize(
    "outcome",
    [
        httpx.Response(429),
        httpx.Response(503),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
def test_what_may_pass_is_tried_again_with_growing_waits(run: Run, outcome: Any) -> None:
    assert run.drive(plans.predict(FRAME, Options(), run.terms()), outcome, outcome, GOOD).digit == 4
    assert run.slept == [0.1, 0.2]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (httpx.Response(422), api.Undecodable),
        (httpx.Response(500), api.InternalError),
        (httpx.Response(504), api.DeadlineExceeded),
        (httpx.ReadTimeout("slow"), api.Timeout),
        (httpx.DecodingError("gzip"), api.InvalidAnswer),
        (httpx.LocalProtocolError("Illegal header value"), api.DigitserveError),
    ],
)
def test_what_stays_is_raised_at_once(run: Run, outcome: Any, kind: type[Any]) -> None:
    with pytest.raises(api.DigitserveError) as raised:
        run.drive(plans.predict(FRAME, Options(), run.terms()), outcome)
    assert type(raised.value) is kind
    assert (len(run.sent), run.slept) == (1, [])


def test_the_last_error_is_raised_when_the_retries_are_used_up(run: Run) -> None:
    with pytest.raises(api.TooBusy) as raised:
        run.drive(plans.predict(FRAME, Options(), run.terms(retries=2)), busy(1))
    assert raised.value.retry_after == 1.0
    assert run.slept == [1.1, 1.2]


def test_a_retry_sends_what_is_left_of_the_deadline(run: Run) -> None:
    run.took = 0.5
    run.drive(plans.predict(FRAME, Options(deadline_ms=10_000), run.terms()), busy(2), busy(3), GOOD)
    assert [int(left) for left in run.deadlines()] == pytest.approx([10_000, 7_400, 3_700], abs=1)
    assert [round(send.timeout, 3) for send in run.sent] == [10.0, 7.4, 3.7]


def test_a_wait_that_would_pass_the_deadline_is_not_begun(run: Run) -> None:
    with pytest.raises(api.TooBusy):
        run.drive(plans.predict(FRAME, Options(deadline_ms=3000), run.terms()), busy(3))
    assert run.slept == []


def test_silence_until_the_deadline_is_the_deadlines_error_and_not_a_timeout(run: Run) -> None:
    plan = plans.predict(FRAME, Options(deadline_ms=200), run.terms(timeout=10))
    with pytest.raises(api.DeadlineExceeded, match="no answer came before the deadline"):
        run.drive(plan, httpx.ReadTimeout(""))
    assert run.sent[0].timeout == pytest.approx(0.2)


def test_silence_until_the_timeout_is_a_timeout(run: Run) -> None:
    plan = plans.predict(FRAME, Options(deadline_ms=60_000), run.terms(timeout=1))
    with pytest.raises(api.Timeout):
        run.drive(plan, httpx.ReadTimeout(""))


def test_a_deadline_that_encoding_used_up_sends_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(FRAME)
    plan = plans.predict(tmp_path / "frame", Options(deadline_ms=50), run.terms())
    step = next(plan)
    assert isinstance(step, Prepare)
    run.now += 0.1
    with pytest.raises(api.DeadlineExceeded, match="before the request was sent"):
        plan.send(step.work())


def test_a_plan_that_waited_its_turn_too_long_sends_nothing(run: Run) -> None:
    plan = plans.predict(FRAME, Options(deadline_ms=50), run.terms())
    run.now += 0.1
    with pytest.raises(api.DeadlineExceeded, match="before the request was sent"):
        run.drive(plan)
    assert run.sent == []


@pytest.mark.parametrize(
    ("outcome", "ready"),
    [
        (httpx.Response(200), True),
        (httpx.Response(503), False),
        (httpx.ConnectError(""), False),
        (httpx.ReadTimeout(""), False),
    ],
)
def test_ready_looks_once(run: Run, outcome: Any, ready: bool) -> None:
    assert run.drive(plans.ready(run.terms()), outcome) is ready
    assert (len(run.sent), run.slept) == (1, [])


def test_a_service_without_that_path_is_an_error_and_not_unready(run: Run) -> None:
    with pytest.raises(api.NotFound):
        run.drive(plans.ready(run.terms()), httpx.Response(404))


@pytest.mark.parametrize("terms", [lambda: Terms(0, 3), lambda: Terms(-1, 3), lambda: Terms(1, -1)])
def test_terms_without_sense_are_refused(terms: Callable[[], Terms]) -> None:
    with pytest.raises(ValueError, match="expected"):
        terms()
