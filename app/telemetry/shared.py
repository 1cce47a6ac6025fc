"""Metrics of several workers: each keeps its values in files, one of each kind, in a folder that they share.

The files of those that have ended are folded into one, which readers see before or after that, but never during it:
they share a lock.
"""

import fcntl
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import structlog
from prometheus_client import CollectorRegistry, Metric, generate_latest, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from app.errors import StartError

log = structlog.get_logger()

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SUMMED = "counter", "histogram"
KINDS = (*SUMMED, "gauge_livesum", "gauge_livemax")  # as prometheus_client names a worker's files: KIND_PID.db
ROOM_BYTES = 1 << 18  # of each: some hundred series of a histogram
INFO = "_info"  # how metrics end whose series are gone when they are 0: from files none can be removed
NOBODY = 0  # in place of a process id: those that have ended


class Collected(NamedTuple):
    """All metrics at one moment, and the same in the Prometheus text format."""

    metrics: list[Metric]
    text: bytes

    @classmethod
    def of(cls, registry: CollectorRegistry) -> Self:
        metrics = list(registry.collect())
        for metric in metrics:
            if metric.name.endswith(INFO):
                metric.samples = [sample for sample in metric.samples if sample.value]
        return cls(metrics, generate_latest(_Held(metrics)))


class _Held(CollectorRegistry):
    """What has been collected already."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def collect() -> Collected:
    """Over all workers. Takes some milliseconds of a core."""
    together = CollectorRegistry()
    MultiProcessCollector(together)
    with _locked(fcntl.LOCK_SH):
        return Collected.of(together)


def share_between_workers() -> "tempfile.TemporaryDirectory[str]":
    """Make the folder through which workers share their metrics; it goes when the returned object is cleaned up.

    Raises StartError where there is no room for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="digitserve-metrics-")
    except OSError as error:
        raise _no_room(error) from error
    os.environ[FOLDER] = folder.name
    values.ValueClass = values.get_value_class()  # which looked at that when it was imported
    return folder


def reserve_room() -> None:
    """Give this worker's files their space on disk. Else they would be sparse, and to write a value where there is no
    room left ends a process by SIGBUS. Raises StartError where there is none.
    """
    try:
        for kind in KINDS:
            _make(_file(kind, os.getpid()), {})
    except OSError as error:
        raise _no_room(error) from error


def fold(living: Collection[int]) -> bool:
    """Add what workers that have ended counted to one file of each kind, and forget their gauges. `living` are the
    process ids of the others. Whether that is done: not while someone reads, who must not be waited for.
    """
    ended: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for file in Path(os.environ[FOLDER]).glob("*.db"):
        kind, pid = file.stem.rsplit("_", 1)
        if int(pid) not in (NOBODY, *living):
            ended[kind].append(file)
    try:
        with _locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            for kind in reversed(KINDS):  # what is only dropped makes room for what is added up
                files = ended[kind]
                if files and kind in SUMMED:
                    total = _file(kind, NOBODY)
                    _make(total, _sums([*files, total] if total.exists() else files))
                for file in files:
                    file.unlink()
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("the counts of a worker that has ended stay in files of their own", reason=str(error))
    return True


def _sums(files: list[Path]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for file in files:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(file):
            sums[key] += value
    return sums


def _make(path: Path, content: dict[str, float]) -> None:
    """Write a file of values, whole or not at all. Raises OSError where there is no room for it."""
    new = path.with_suffix(".new")  # which no reader looks at
    with new.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES + sum(len(key.encode()) + 32 for key in content))
        except OSError:
            new.unlink()
            raise
    held = MmapedDict(str(new))
    for key, value in content.items():
        held.write_value(key, value, 0.0)
    held.close()
    new.replace(path)


def _file(kind: str, pid: int) -> Path:
    return Path(os.environ[FOLDER], f"{kind}_{pid}.db")


def _no_room(error: OSError) -> StartError:
    return StartError(
        f"workers keep their metrics in a temporary folder: {error}; set TMPDIR to one with room for them"
    )


@contextmanager
def _locked(how: int) -> Iterator[None]:
    """The folder's lock, shared or exclusive. Raises BlockingIOError where it is not to be waited for."""
    folder = os.open(os.environ[FOLDER], os.O_RDONLY)
    try:
        fcntl.flock(folder, how)
        yield
    finally:
        os.close(folder)
