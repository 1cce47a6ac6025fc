"""`digitserve predict` and `read`: a few pictures, read here and now, and said to a person or a program."""

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import orjson

from app.bulk.core import Core, recipe
from app.bulk.inputs import holds_many, shards
from app.bulk.pieces import Pictures
from app.bulk.rows import Row
from app.bulk.shards import PICTURES, FileShard, InputError, Shard, checked
from app.config import Settings
from app.errors import START_FAILED, BundleError, StartError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130  # exit statuses
STANDARD_INPUT = Path("-")

Say = Callable[[str], None]


class Asked(NamedTuple):
    """The command's options."""

    files: list[Path]
    model: str | None
    numbers: bool
    json: bool


def run(asked: Asked, settings: Settings, say: Say, complain: Say) -> int:
    """Say a line for each picture; the exit status, which is FAILED where one could not be read."""
    unread = 0
    try:
        for path in asked.files:
            if path != STANDARD_INPUT and not path.exists():
                raise InputError(f"{path} is not there; expected a picture, or a folder or file of pictures")
        core = Core(recipe(settings, asked.model, numbers=asked.numbers))
        width = max(len(str(path)) for path in asked.files)
        for row in chain.from_iterable(_rows(core, path) for path in asked.files):
            unread += row.error is not None
            say(orjson.dumps(row._asdict()).decode() if asked.json else line(row, width))
    except InputError as error:
        complain(str(error))
        return MISUSED
    except (BundleError, StartError) as error:
        complain(str(error))
        return START_FAILED
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return FAILED if unread else DONE


def _rows(core: Core, path: Path) -> Iterator[Row]:
    """Raises InputError, OSError."""
    if path == STANDARD_INPUT:
        most = core.recipe.image_bytes
        yield from core.of_piece(Pictures(["-"], iter([checked(sys.stdin.buffer.read(most + 1), most)])))
        return
    found: Iterator[Shard]
    if path.is_dir() or holds_many(path):
        found = shards([path], PICTURES)
    else:
        stat = path.stat()
        found = iter([FileShard(str(path.parent), (path.name,), (stat.st_size,), (stat.st_mtime_ns,))])
    for shard in found:
        yield from chain.from_iterable(core.rows(shard))


def line(row: Row, width: int) -> str:
    """For people: what was read comes first only where it is to be trusted."""
    return f"{row.id.removeprefix('./'):<{width}}  {_said(row)}"


def _said(row: Row) -> str:
    if row.error is not None:
        return f"not read: {row.error.partition(': ')[2]}"
    text = (row.text or "").replace("\n", " / ")
    why = "" if row.verdict in (None, "ok") else f": {str(row.verdict).replace('_', ' ')}"
    if not text:
        return "no number found"
    if row.decision == "reject":
        return f"rejected{why}; the nearest is {text}"
    sure = f"{100 * (row.confidence or 0):.1f} % sure"
    return f"{text}  {sure}" if row.decision == "accept" else f"{text}?  {sure}, look at it{why}"
