"""Pictures that come into a folder. Found by looking again and again: that works on every system and every mount."""

import time
from collections.abc import Iterator
from pathlib import Path

from digitserve_client.command.inputs import pictures

Look = tuple[int, int]  # a file's size and time of change


def arrivals(folder: Path, every: float, *, existing: bool) -> Iterator[list[Path]]:
    """The pictures that are new or changed, in order of their names, once they have stopped growing.

    A file that stands there at the start is new only where `existing` ones are asked for. `every` is in seconds. There
    is no more remembered than stands there now.
    """
    given: dict[Path, Look] = {} if existing else _look(folder)
    before: dict[Path, Look] = {}
    while True:
        now = _look(folder)
        ready = [path for path, look in now.items() if before.get(path) == look and given.get(path) != look]
        given = {path: now[path] if path in ready else given[path] for path in now if path in ready or path in given}
        before = now
        if ready:
            yield ready
        else:
            time.sleep(every)


def _look(folder: Path) -> dict[Path, Look]:
    found = {}
    for path in pictures(folder):
        try:
            stat = path.stat()
        except OSError:  # gone since it was listed
            continue
        found[path] = stat.st_size, stat.st_mtime_ns
    return found
