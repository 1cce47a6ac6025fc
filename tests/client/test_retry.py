"""The retry policy: how long, and when not at all."""

from typing import Any

import digitserve_client as api
import pytest
from digitserve_client.retry import CEILING, FIRST, LONGEST, Deadline, delay, wait_after
from hypothesis import given, settings
from hypothesis import strategies as st

FOREVER = float("inf")
attempts = st.integers(0, 10_000)
seconds = st.floats(0, 1e6)
fractions = st.floats(0, 1)


def test_the_longest_wait_doubles_up_to_the_ceiling() -> None:
    waits = [delay(attempt, None, 1.0) for attempt in range(8)]
    assert waits == [FIRST * factor for factor in (1, 2, 4, 8, 16, 32)] + [CEILING] * 2


@settings(deadline=None)
@given(attempts, seconds, fractions)
def test_never_sooner_than_asked_and_never_much_later(attempt: int, asked: float, random: float) -> None:
    assert asked <= delay(attempt, asked, random) <= asked + CEILING


@settings(deadline=None)
@given(attempts, fractions)
def test_full_jitter_begins_at_nothing(attempt: int, random: float) -> None:
    assert delay(attempt, None, 0.0) == 0.0
    assert 0.0 <= delay(attempt, None, random) <= delay(attempt, None, 1.0)


@settings(deadline=None)
@given(attempts, st.integers(0, 20), st.none() | seconds, st.floats(-10, 100), fractions)
def test_a_wait_ends_before_the_deadline_and_the_cap(
    attempt: int, retries: int, asked: float | None, left: float, random: float
) -> None:
    wait = wait_after(api.TooBusy("", retry_after=asked), attempt, retries, left, random)
    if wait is not None:
        assert attempt < retries
        assert wait < left
        assert wait <= LONGEST


def test_there_are_as_many_waits_as_retries() -> None:
    waits = [wait_after(api.Unavailable(""), attempt, 3, FOREVER, 0.5) for attempt in range(5)]
    assert [wait is not None for wait in waits] == [True, True, True, False, False]


@pytest.mark.parametrize("kind", [api.Timeout, api.BadRequest, api.InternalError, api.DeadlineExceeded])
def test_other_errors_are_final(kind: type[Any]) -> None:
    assert wait_after(kind("", retry_after=1.0), 0, 3, FOREVER, 0.5) is None


def test_a_service_that_asks_for_too_much_patience_is_not_asked_again() -> None:
    assert wait_after(api.Unavailable("", retry_after=LONGEST + 1), 0, 3, FOREVER, 0.0) is None


def test_a_deadline_counts_down_and_then_raises() -> None:
    now = 100.0
    deadline = Deadline.after(1500, lambda: now)
    assert deadline.left() == 1.5
    now = 101.5
    with pytest.raises(api.DeadlineExceeded, match="before the request was sent") as passed:
        deadline.left()
    assert (passed.value.status, passed.value.code) == (504, "deadline_exceeded")


def test_without_a_deadline_there_is_always_time() -> None:
    assert Deadline.after(None, lambda: 100.0).left() == FOREVER
