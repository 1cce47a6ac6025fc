"""What a service takes of its machine: all its processes together, as /proc shows them."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
SAMPLED_EVERY = 0.05  # seconds


class Tree:
    """A process and all that descend from it, by the id of the first."""

    def __init__(self, root: int) -> None:
        self.root = root

    def pids(self) -> list[int]:
        """Those that there are now, zombies too."""
        found, waiting = [], [self.root]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += _children(pid)
        return found

    def children(self) -> list[int]:
        """Of the first alone."""
        return _children(self.root)

    def cpu_seconds(self) -> float:
        """Of all that run and of all that have been waited for: these to 10 ms, the others to nanoseconds."""
        return sum(_own_seconds(pid) + _seconds_of_dead_children(pid) for pid in self.pids())

    def pss(self) -> int:
        """Bytes of memory, where each that is shared counts once."""
        texts = (_text(PROC / str(pid) / "smaps_rollup") for pid in self.pids())
        return sum(int(found[1]) for text in texts if (found := PSS.search(text))) * 1024

    def descriptors(self) -> int:
        """Open files, sockets and pipes."""
        return sum(len(_listed(PROC / str(pid) / "fd")) for pid in self.pids())

    def zombies(self) -> list[int]:
        return [pid for pid in self.pids() if _text(PROC / str(pid) / "stat").rpartition(") ")[2].startswith("Z")]

    @contextmanager
    def peak(self) -> Iterator["Peak"]:
        """Samples the memory while the block runs."""
        peak, done = Peak(self.pss()), threading.Event()

        def sample() -> None:
            while not done.wait(SAMPLED_EVERY):
                peak.bytes = max(peak.bytes, self.pss())

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            yield peak
        finally:
            done.set()
            sampler.join()


class Peak:
    """The most memory that was seen, in bytes."""

    def __init__(self, at_start: int) -> None:
        self.start = self.bytes = at_start


def settled_seconds(tree: Tree, at_most: float = 30.0) -> float:
    """CPU seconds of `tree` once it has gone quiet: some of a request's work may come after its answer."""
    deadline, before = time.monotonic() + at_most, tree.cpu_seconds()
    while time.monotonic() < deadline:
        time.sleep(0.002)
        now = tree.cpu_seconds()
        if now - before < 0.001:
            return now
        before = now
    return before


def _children(pid: int) -> list[int]:
    tasks = PROC / str(pid) / "task"
    return [int(child) for task in _listed(tasks) for child in _text(tasks / task / "children").split()]


def _own_seconds(pid: int) -> float:
    """Source: the kernel's MAKE_PROCESS_CPUCLOCK (include/linux/posix-timers.h), CPUCLOCK_SCHED = 2."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:  # it has ended
        return 0.0


def _seconds_of_dead_children(pid: int) -> float:
    fields = _text(PROC / str(pid) / "stat").rpartition(") ")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICK if fields else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def _listed(path: Path) -> list[str]:
    try:
        return [one.name for one in path.iterdir()]
    except OSError:
        return []
