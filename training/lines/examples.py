"""Composed lines -> what the line reader learns from: strips as the service cuts them, and what is written in each."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import Undecodable
from app.imaging.arrays import Grey, Ink
from app.imaging.decode import decode
from app.imaging.numbers import find_numbers
from app.imaging.strips import strip_of
from training.constants import PREPARATION
from training.hands.parallel import spread
from training.lines import pages
from training.lines.compose import Line, compose_some
from training.lines.hands import Hands
from training.lines.network import ALPHABET, SHAPE

CHUNK = 2_500  # lines in one go of a process, to which all hands are sent
PAGES = 0.25  # part of the lines that stand on pages, which take five times as long
CLUTTER = 0.6  # part of the lines with something left around them
WIDTHS = 128, 256, 640  # to which strips are filled up: each shape is compiled for itself; longer ones are left out
USUAL = 192  # the width of which a batch has as many as the recipe says
LONGEST_TEXT = 24
SHIFT = 2  # pixels up or down, at most, each time a strip is shown
PALEST = 0.6  # of its ink, at most as often
GROWN, CUT_OFF = 0.15, 0.1  # of the height, at most: dirt that counts as a number's own, and ends that do not
COARSEST = 0.35  # pixels of a picture to one of a composed line, at least

Random = np.random.Generator


class Example(NamedTuple):
    strip: Grey
    """[32, W]"""
    raw: str


def draw(hands: Hands, count: int, seed: int) -> list[Example]:
    """`count` of them, less those that are longer than a strip may be."""
    jobs = [(hands, min(CHUNK, count - start), (seed, start)) for start in range(0, count, CHUNK)]
    return [example for some in spread(_draw, jobs, "composing lines") for example in some]


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


def filled_width(strip: Grey) -> int:
    """To which of the widths a strip is filled up; 0 where it is longer."""
    return next((width for width in WIDTHS if width >= strip.shape[1]), 0)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Batches of strips that are about as wide, in an order that is drawn anew each epoch."""

    def __init__(self, examples: list[Example], batch_size: int, seed: int) -> None:
        super().__init__()
        self._examples, self._batch_size = examples, batch_size
        self._random = np.random.default_rng(seed)
        widths = np.array([filled_width(example.strip) for example in examples])
        self._by_width = [np.flatnonzero(widths == width) for width in WIDTHS]
        self._texts = np.zeros((len(examples), LONGEST_TEXT), np.int32)
        for text, example in zip(self._texts, examples, strict=True):
            text[: len(example.raw)] = [1 + ALPHABET.index(one) for one in example.raw]
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Strips uint8 [B, 32, W], and their texts' classes, int32 [B, LONGEST_TEXT], ended by 0."""
        width, places = self._batches[index]
        random = np.random.default_rng((index, int(places[0])))
        strips = np.zeros((len(places), SHAPE.height, width), np.uint8)
        for strip, place in zip(strips, places, strict=True):
            own = np.roll(self._examples[place].strip, random.integers(-SHIFT, SHIFT + 1), axis=0)
            strip[:, : own.shape[1]] = own * random.uniform(PALEST, 1)
        return strips, self._texts[places]

    def on_epoch_end(self) -> None:
        by_width = zip(WIDTHS, self._by_width, strict=True)
        batches = [batch for width, places in by_width for batch in self._of(width, places)]
        order = self._random.permutation(len(batches))
        self._batches = [batches[place] for place in order]
        # TensorFlow's backend takes for fixed what the first two share.
        other = next(place for place, (width, _) in enumerate(self._batches) if width != self._batches[0][0])
        self._batches[1], self._batches[other] = self._batches[other], self._batches[1]

    def _of(self, width: int, places: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Whole ones, for the same reason."""
        size = max(1, self._batch_size * USUAL // width)
        order = self._random.permutation(places)
        for start in range(0, len(order) - size + 1, size):
            yield width, order[start : start + size]
