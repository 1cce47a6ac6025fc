"""How far a run is: a bar on a terminal, else a line every some seconds; both on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 10.0


class Advance(Protocol):
    def __call__(self, images: int) -> None:
        """So many more are written."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} images/s")


@contextmanager
def shown(total: int) -> Iterator[Advance]:
    """Of `total` images."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("left")
        with Progress(*columns, console=console, speed_estimate_period=60) as bar:
            task = bar.add_task("", total=total)
            yield lambda images: bar.advance(task, images)
    else:
        yield _Lines(total).advance


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._told = monotonic()

    def advance(self, images: int) -> None:
        self._done += images
        if (now := monotonic()) - self._told >= LINE_SECONDS:
            self._told = now
            rate = self._done / (now - self._started)
            left = (self._total - self._done) / rate
            done = f"{self._done:,} of {self._total:,} images"
            print(f"{done}, {rate:,.0f} images/s, {left:,.0f} s left", file=sys.stderr, flush=True)
