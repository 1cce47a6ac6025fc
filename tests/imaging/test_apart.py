"""Work in a process of its own: what it gives comes back, and nothing that it does harms its parent."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.budget import Budget
from app.errors import BadRequest, TooMuchWork, Unavailable, Undecodable
from app.imaging.apart import run_apart


def spin(seconds: float) -> float:
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass
    return seconds


def refuse() -> None:
    raise BadRequest("no")


def test_what_it_gives_comes_back_with_what_it_took() -> None:
    budget = Budget(1.0)
    assert run_apart(spin, 0.1, budget=budget, what="spinning") == 0.1
    assert 0.1 <= 1.0 - budget.left < 0.3


def test_what_was_paid_is_not_charged_again() -> None:
    budget = Budget(0.05)
    assert run_apart(spin, 0.1, budget=budget, what="spinning", paid=1.0) == 0.1
    assert budget.left == 0.05


@pytest.mark.parametrize(
    ("work", "error", "said", "took"),
    [
        (lambda: spin(30), TooMuchWork, "spinning takes over 100 ms", 0.1),
        (lambda: bytes(10**9), TooMuchWork, "memory", 0),
        (lambda: (spin(0.05), os.abort()), Undecodable, "breaks", 0.05),
        (lambda: 1 / 0, Undecodable, "division by zero", 0),
        (refuse, BadRequest, "no", 0),
        (lambda: Path("/etc/passwd").read_text(), Undecodable, "Too many open files", 0),
        (lambda: lambda: None, Undecodable, "breaks", 0),  # which cannot be told
    ],
)
def test_what_it_does_stays_with_it(work: Callable[[], Any], error: type[Exception], said: str, took: float) -> None:
    """`took`: seconds, which are charged although nothing comes of it."""
    left = []
    for _ in range(3):
        budget = Budget(0.1)
        before = psutil.Process().children()  # such as multiprocessing's, of other tests
        with pytest.raises(error, match=said):
            run_apart(work, budget=budget, what="spinning")
        assert psutil.Process().children() == before
        left.append(budget.left)
    assert max(left) == pytest.approx(0.1 - took, abs=0.04)  # what a busy machine adds to one is not added to each


def test_it_has_no_way_to_the_service() -> None:
    assert run_apart(lambda: str(Path("/proc/self/fd/0").readlink()), budget=Budget(0.1), what="") == os.devnull


def test_where_there_can_be_no_process_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", none)
    before = psutil.Process().num_fds()
    with pytest.raises(Unavailable, match="try again later"):
        run_apart(spin, 0.1, budget=Budget(1.0), what="spinning")
    assert psutil.Process().num_fds() == before
