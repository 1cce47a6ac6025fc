"""Work in a process of its own: what it gives comes back, and nothing that it does harms its parent."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.errors import BadRequest, TooMuchWork, Undecodable
from app.imaging.apart import run_apart


def spin(seconds: float) -> float:
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass
    return seconds


def refuse() -> None:
    raise BadRequest("no")


def test_what_it_gives_comes_back_with_what_it_took() -> None:
    result, seconds = run_apart(spin, 0.1, seconds=1.0, what="spinning")
    assert result == 0.1
    assert 0.1 <= seconds < 0.3


@pytest.mark.parametrize(
    ("work", "error", "said"),
    [
        (lambda: spin(30), TooMuchWork, "spinning takes over 100 ms"),
        (lambda: bytes(10**9), TooMuchWork, "memory"),
        (os.abort, Undecodable, "breaks"),
        (lambda: 1 / 0, Undecodable, "division by zero"),
        (refuse, BadRequest, "no"),
        (lambda: Path("/etc/passwd").read_text(), Undecodable, "Too many open files"),
        (lambda: lambda: None, Undecodable, "breaks"),  # which cannot be told
    ],
)
def test_what_it_does_stays_with_it(work: Callable[[], Any], error: type[Exception], said: str) -> None:
    before = psutil.Process().children()  # such as multiprocessing's, of other tests
    with pytest.raises(error, match=said):
        run_apart(work, seconds=0.1, what="spinning")
    assert psutil.Process().children() == before
