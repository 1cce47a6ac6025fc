"""Composed lines -> what the line reader learns from: strips as the service cuts them, and what is written in each."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from app.cores import usable_cores
from app.errors import Undecodable
from app.imaging.arrays import Grey, Ink
from app.imaging.decode import decode
from app.imaging.numbers import find_numbers
from app.imaging.strips import strip_of
from training.constants import PREPARATION
from training.lines import pages
from training.lines.compose import Line, compose_some
from training.lines.hands import Hands
from training.lines.network import SHAPE

CHUNK = 500  # lines in one go of a process
LEFT_CORES = 2  # for what learns from lines while others are composed
PAGES = 0.25  # part of the lines that stand on pages, which take five times as long
CLUTTER = 0.6  # part of the lines with something left around them
GROWN, CUT_OFF = 0.15, 0.1  # of the height, at most: dirt that counts as a number's own, and ends that do not
COARSEST = 0.35  # pixels of a picture to one of a composed line, at least

Random = np.random.Generator


class Example(NamedTuple):
    strip: Grey
    """[32, W]"""
    raw: str


def draw(hands: Hands, count: int, seed: int) -> list[Example]:
    """`count` of them, less those that are longer than a strip may be; the same ones for the same seed."""
    jobs = _jobs(count, seed)
    with _composers(hands, min(usable_cores(), len(jobs))) as pool:
        made = tqdm(pool.imap(_draw_known, jobs), "composing lines", len(jobs), leave=False, disable=None)
        return [one for some in made for one in some]


@contextmanager
def composing(hands: Hands, count: int, seed: int) -> Iterator[Callable[..., list[Example]]]:
    """The same beside this process, on all cores but those that it needs.

    What is given is a function: it waits for so many more, by default for none, and returns all that are made.
    """
    with _composers(hands, max(1, usable_cores() - LEFT_CORES)) as pool:
        made = pool.imap_unordered(_draw_known, _jobs(count, seed))

        def more(least: int = 0) -> list[Example]:
            found: list[Example] = []
            with suppress(StopIteration, multiprocessing.TimeoutError):
                while True:
                    found += made.next(timeout=None if len(found) < least else 0)
            return found

        yield more


def _composers(hands: Hands, processes: int) -> Any:
    """A pool of them, which knows the hands."""
    started_anew = multiprocessing.get_context("spawn")  # TensorFlow's threads would not survive a fork
    return started_anew.Pool(processes, _know, (hands,))


def _jobs(count: int, seed: int) -> list[tuple[int, tuple[int, int]]]:
    return [(min(CHUNK, count - start), (seed, start)) for start in range(0, count, CHUNK)]


_known: list[Hands] = []  # by which a process composes


def _know(hands: Hands) -> None:
    _known.append(hands)


def _draw_known(job: tuple[int, tuple[int, int]]) -> list[Example]:
    return _draw(_known[0], *job)


def _draw(hands: Hands, count: int, seed: tuple[int, int]) -> list[Example]:
    cv2.setNumThreads(1)
    random = np.random.default_rng((*seed, 1))
    on_pages = round(PAGES * count)
    made = [seen(line, random) for line in compose_some(hands, count - on_pages, (*seed, 0), CLUTTER)]
    made += [seen_on_page(line, random) for line in compose_some(hands, on_pages, (*seed, 1), 0)]
    return [example for example in made if example is not None]


def seen_on_page(line: Line, random: Random) -> Example | None:
    """A line as imaging does see it on a page of some kind; None where it takes it for several numbers, or for none."""
    kind = str(random.choice(pages.KINDS))
    try:
        numbers = find_numbers(decode(Image.fromarray(pages.page(line, kind, random))), PREPARATION, shape=SHAPE)
    except Undecodable:  # NoInk is one
        return None
    strip = numbers[0].strip if len(numbers) == 1 else None
    return None if strip is None else Example(strip.pixels, line.raw)


def seen(line: Line, random: Random) -> Example | None:
    """A line as imaging may see it: coarser, thinner, with ink that it takes for the number's or not."""
    around = _as_scanned(line.ink, random)
    own = np.zeros_like(around)
    own[line.box.cut] = around[line.box.cut]
    height = line.box.height
    if random.random() < 0.3:
        own[line.box.bottom - round(random.uniform(0, CUT_OFF) * height) : line.box.bottom] = 0
    for end, way in ((line.box.top, -1), (line.box.bottom - 1, 1)):
        if random.random() < 0.2:
            row = round(end + way * random.uniform(0, GROWN) * height)
            own[np.clip(row, 0, len(own) - 1), (line.box.left + line.box.right) // 2] = 1
    strip = strip_of(own, around, SHAPE)
    return None if strip is None else Example(strip.pixels, line.raw)


def _as_scanned(ink: Ink, random: Random) -> Ink:
    if random.random() < 0.35:
        scale = random.uniform(COARSEST, 0.9)
        small = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        ink = cv2.resize(small, ink.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.25:
        ink = ink + random.normal(0, random.uniform(0.05, 0.3), ink.shape).astype(np.float32) * (ink > 0.02)
    if random.random() < 0.3:
        ink = (ink - random.uniform(0, 0.35)) * random.uniform(1, 2.5)
    scanned: Ink = np.clip(ink, 0, 1).astype(np.float32)
    return scanned
