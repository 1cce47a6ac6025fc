"""Pictures that come into a folder. Found by looking again and again: that works on every system and every mount."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from digitserve_client.command.inputs import files, is_picture


class Look(NamedTuple):
    """What a file was when it was looked at."""

    size: int
    changed: int  # nanoseconds
    is_picture: bool


def arrivals(folder: Path, every: float, *, existing: bool) -> Iterator[list[Path]]:
    """The pictures that are new or changed, in order of their names, once they have stopped growing.

    A file that stands there at the start is new only where `existing` ones are asked for. `every` is in seconds. There
    is no more remembered than stands there now.
    """
    before = given = {} if existing else look(folder, {})
    while True:
        now = look(folder, before)
        ready = {
            path: seen
            for path, seen in now.items()
            if seen.is_picture and before.get(path) == seen and given.get(path) != seen
        }
        given = {path: seen for path, seen in given.items() if path in now} | ready
        before = now
        if ready:
            yield list(ready)
        else:
            time.sleep(every)


def look(folder: Path, before: Mapping[Path, Look]) -> dict[Path, Look]:
    """All files in it; opened are only those that are new, or changed since the look before. Raises OSError."""
    found = {}
    for path in files(folder):
        try:
            stat = path.stat()
        except OSError:  # gone since it was listed
            continue
        known = before.get(path)
        if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
            known = Look(stat.st_size, stat.st_mtime_ns, is_picture(path))
        found[path] = known
    return found
