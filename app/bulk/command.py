"""`digitserve score`: what was asked for -> a run, and what is said of it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.bulk import score
from app.bulk.core import Recipe, recipe
from app.bulk.few import DONE, FAILED, INTERRUPTED, MISUSED
from app.bulk.outputs import Format, OutputError
from app.bulk.score import Job, Outcome
from app.bulk.shards import InputError
from app.bulk.workers import LostError, Processes, Workers
from app.config import Settings
from app.cores import usable_cores
from app.errors import START_FAILED, BundleError, StartError

Say = Callable[[str], None]


class Asked(NamedTuple):
    """The command's options."""

    inputs: list[Path]
    out: Path
    format: Format
    numbers: bool
    model: str | None
    column: str | None
    ray: str | None
    processes: int | None
    shard_images: int


def run(asked: Asked, settings: Settings, say: Say) -> int:
    """Score; the exit status. What is wrong, and how it ended, is said in a sentence."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C; nothing of the process is left after this
    try:
        made = recipe(settings, asked.model, numbers=asked.numbers)
        job = Job(asked.inputs, asked.out, asked.format, asked.shard_images, asked.column, made)
        with _workers(asked, made) as workers:  # which begin while the inputs are looked at
            planned = score.plan(job)
            done = f"of which {planned.done_images:,} are done already"
            say(f"{planned.images:,} images in {planned.parts:,} parts, {done}")
            _tell(score.run(job, planned, workers), asked.out, say)
    except (InputError, OutputError) as error:
        say(f"not scored: {error}")
        return MISUSED
    except (BundleError, StartError) as error:
        say(f"not scored: {error}")
        return START_FAILED
    except (LostError, OSError) as error:
        say(f"broken off: {error}. What is written stays; the same command goes on from there.")
        return FAILED
    except KeyboardInterrupt:
        say("interrupted; what is written stays, and the same command goes on from there")
        return INTERRUPTED
    return DONE


@contextmanager
def _workers(asked: Asked, made: Recipe) -> Iterator[Workers]:
    workers: Workers
    if asked.ray is None:
        workers = Processes(made, asked.processes or usable_cores())
    else:
        from app.bulk.on_ray import Cluster  # Ray, an extra

        workers = Cluster(made, asked.ray)
    try:
        yield workers
    finally:
        workers.close()


def _tell(outcome: Outcome, out: Path, say: Say) -> None:
    planned, errors, seconds = outcome
    scored = planned.images - planned.done_images
    say(
        f"{planned.images:,} images are in {out}, each once; {errors:,} could not be read, and say why. "
        f"{scored:,} of them were scored in {seconds:,.1f} s, {scored / max(seconds, 1e-9):,.0f} a second."
    )
