"""A run: which parts there are, which are done, scoring the others, and the verification of them all."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from importlib.metadata import version
from itertools import chain, islice, zip_longest
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from app.bulk import inputs, outputs
from app.bulk.core import Recipe
from app.bulk.outputs import UNFINISHED, Format, OutputError
from app.bulk.progress import Advance, shown
from app.bulk.shards import InputError, digest
from app.bulk.workers import LostError, Part, Scored, Workers

MOST_TRIES = 8  # for a part whose workers are lost one after the other
AGAIN = "delete this part and run the same command again"
LOST_SECONDS = 0.5  # before a part is given to another worker
NAMED = "[0-9]" * 6 + "-" + "[0-9a-f]" * 24  # parts' names begin so


class Job(NamedTuple):
    """What is asked for."""

    inputs: Sequence[Path]
    out: Path
    format: Format
    shard_images: int
    column: str | None
    recipe: Recipe


class Plan(NamedTuple):
    """What is to be done, in figures."""

    images: int
    parts: int
    done_images: int
    """In parts that are there already."""


class Outcome(NamedTuple):
    plan: Plan
    errors: int
    seconds: float


def plan(job: Job) -> Plan:
    """Look at all inputs and at what is done of them. Raises InputError, OutputError."""
    inputs.check(job.inputs)
    outputs.need(job.format)
    _make_folder(job)
    names: set[str] = set()
    images = done = 0
    for part in parts(job):
        names.add(Path(part.path).name)
        images += part.shard.images
        done += part.shard.images if Path(part.path).exists() else 0
    if not images:
        raise InputError(f"there is no image in {', '.join(map(str, job.inputs))}")
    if stale := sorted({path.name for path in job.out.glob(f"{NAMED}.*")} - names):
        raise OutputError(
            f"{job.out} holds {len(stale)} parts of other inputs, options or models, such as {stale[0]}; delete them, "
            "or give another --out"
        )
    return Plan(images, len(names), done)


def parts(job: Job) -> Iterator[Part]:
    """All, one after the other, the same each time. Raises InputError."""
    answers = (version("digitserve"), *job.recipe.key())
    for place, shard in enumerate(inputs.shards(job.inputs, job.shard_images, job.column)):
        if job.recipe.numbers and shard.frames:
            raise InputError(f"{shard.source} are single digits; --numbers is for pictures")
        name = f"{place:06}-{digest(answers, shard.key())[:24]}.{job.format}"
        yield Part(shard, str(job.out / name))


def run(job: Job, planned: Plan, workers: Workers) -> Outcome:
    """Score what is not done, and verify all. Raises LostError, InputError, OutputError, OSError."""
    started = monotonic()
    missing = (part for part in parts(job) if not Path(part.path).exists())
    with shown(planned.images - planned.done_images) as advance:
        _score(missing, workers, advance)
    seconds = monotonic() - started
    for rest in job.out.glob(f".{NAMED}.*{UNFINISHED}"):  # of runs that were broken off
        rest.unlink(missing_ok=True)
    return Outcome(planned, verify(job, planned), seconds)


def verify(job: Job, planned: Plan) -> int:
    """Read all parts, and see that each image is there once, in its place. How many are errors. Raises OutputError."""
    images = errors = 0
    for part in parts(job):
        expected, found = list(part.shard.ids()), outputs.read(Path(part.path))
        if expected != found.ids:
            pairs = zip_longest(expected, found.ids)
            wanted, got = next(pair for pair in pairs if pair[0] != pair[1])
            raise OutputError(f"{part.path}: expected {wanted!r}, found {got!r}; {AGAIN}")
        images += part.shard.images
        errors += found.errors
    if images != planned.images:
        raise OutputError(f"there were {planned.images:,} images, and {images:,} are there now; {AGAIN}")
    return errors


class _Tried(NamedTuple):
    part: Part
    times: int = 0


def _score(missing: Iterator[Part], workers: Workers, advance: Advance) -> None:
    """As many at a time as the workers take. A part whose worker is lost is done again, carefully."""
    running: dict[Future[Scored], _Tried] = {}
    again: list[_Tried] = []
    waiting = map(_Tried, missing)
    while True:
        for tried in islice(chain(_popped(again), waiting), max(0, workers.most - len(running))):
            running[workers.submit(tried.part, careful=tried.times > 0)] = tried
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            tried = running.pop(future)
            try:
                advance(future.result().images)
            except Exception as error:
                if not workers.is_lost(error):
                    raise
                if tried.times == MOST_TRIES:
                    raise LostError(
                        f"{tried.part.shard.source} was given to {MOST_TRIES} workers, and each was lost ({error}); "
                        "see what ends them (memory?), then run the same command again"
                    ) from error
                again.append(_Tried(tried.part, tried.times + 1))
        if again:
            sleep(LOST_SECONDS)


def _popped(again: list[_Tried]) -> Iterator[_Tried]:
    while again:
        yield again.pop()


def _make_folder(job: Job) -> None:
    try:
        job.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{job.out} cannot be made ({error.strerror})") from error
    for path in job.inputs:
        if path.is_dir() and job.out.resolve().is_relative_to(path.resolve()):
            raise OutputError(f"{job.out} is within {path}, which is an input; give an --out beside it")
