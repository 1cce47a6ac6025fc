"""Who scores shards: one process for each core of this machine. On a cluster it is `on_ray`."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

from app.bulk.core import Core, Recipe
from app.bulk.outputs import Format, write
from app.bulk.shards import Shard

AHEAD = 2  # shards for each process, so that none waits for the next


class Part(NamedTuple):
    """A shard, and the file that its rows are written to."""

    shard: Shard
    path: str

    @property
    def format(self) -> Format:
        return "csv" if self.path.endswith(".csv") else "parquet"


class Scored(NamedTuple):
    """What became of a part."""

    images: int
    errors: int


class LostError(Exception):
    """What was to be scored found no worker that lasted; the message says what to do."""


class Workers(Protocol):
    """Score parts, several at a time."""

    def is_lost(self, error: Exception) -> bool:
        """Whether a part's future raised it because its worker has gone, so that it may be given again."""

    @property
    def most(self) -> int:
        """Parts that should be with them at a time."""

    def submit(self, part: Part, *, careful: bool) -> "Future[Scored]":
        """Score it, and write it. `careful` as `Core.rows` has it. Raises LostError where nobody is left to do it."""

    def close(self) -> None:
        """End what still runs."""


def score(core: Core, part: Part, *, careful: bool) -> Scored:
    """In this process. Raises InputError, OSError."""
    return Scored(*write(Path(part.path), part.format, core.rows(part.shard, careful=careful)))


class Processes:
    """On this machine, each with its own session on one thread."""

    def __init__(self, recipe: Recipe, processes: int) -> None:
        self.most = AHEAD * processes
        # In a file: the 64 KB of a pipe would be filled, and wait, for one process after the other.
        self._folder = TemporaryDirectory(prefix="digitserve-score-")
        told = Path(self._folder.name, "recipe")
        told.write_bytes(pickle.dumps(recipe))
        self._new: Callable[[], ProcessPoolExecutor] = lambda: ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _begin, (str(told),)
        )
        self._pool = self._new()
        for _ in range(processes):
            self._pool.submit(_begun)  # for each that there is no process for, one begins

    def is_lost(self, error: Exception) -> bool:
        return isinstance(error, BrokenProcessPool)

    def submit(self, part: Part, *, careful: bool) -> "Future[Scored]":
        try:
            return self._pool.submit(_score, part, careful)
        except BrokenProcessPool:  # all that were there have ended with the one that broke
            self._pool.shutdown()
            self._pool = self._new()
            return self._pool.submit(_score, part, careful)

    def close(self) -> None:
        for process in multiprocessing.active_children():
            process.terminate()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()


_core: Core | None = None  # of one of the processes


def _begin(recipe: str) -> None:
    global _core
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the whole group; the parent says itself when this one ends
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _core = Core(pickle.loads(Path(recipe).read_bytes()))


def _begun() -> None:
    """Nothing: the process is there."""


def _end_with_parent() -> None:
    """A parent that was killed cannot say so, and its pool's queue would never end."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _score(part: Part, careful: bool) -> Scored:
    assert _core is not None  # the pool has begun this process
    return score(_core, part, careful=careful)
