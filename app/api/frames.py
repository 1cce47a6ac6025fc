"""Items -> the frames that the model sees: a small image on the event loop, a large one or a batch on threads."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from app.api.bodies import Body, Item
from app.api.exchange import Exchange
from app.config import Settings
from app.errors import BatchTooLarge, DeadlineExceeded, NoInk, ServiceError
from app.imaging.arrays import SIDE, Frames
from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.inference.threads import usable_cores

T = TypeVar("T")

INLINE_PIXELS = 100_000  # about a millisecond of work: a thread would gain nothing


class Seen(NamedTuple):
    """What the model will see of one item, and how it came to be."""

    pixels: Frames  # uint8 [28, 28]
    steps: tuple[str, ...] = ()  # none for pixels that came as a frame
    decoding: float = 0.0  # seconds
    normalising: float = 0.0  # seconds


@dataclass
class Batch:
    """A batch as the model will see it; the dictionaries are keyed by place in the batch."""

    count: int
    frames: Frames  # uint8 [count - len(errors), 28, 28], in the batch's order
    errors: dict[int, ServiceError] = field(default_factory=dict)
    steps: dict[int, tuple[str, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def parts(self, size: int) -> Iterator["Batch"]:
        """The same batch in consecutive parts of up to `size` items."""
        taken = 0
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            errors = _between(self.errors, start, stop)
            good = stop - start - len(errors)
            frames = self.frames[taken : taken + good]
            taken += good
            yield Batch(
                stop - start,
                frames,
                errors,
                _between(self.steps, start, stop),
                _between(self.names, start, stop),
            )


class Framer:
    """Turns what came into frames, within the limits on pixels, and times it."""

    def __init__(self, settings: Settings) -> None:
        self._max_image_pixels = settings.max_image_pixels
        self._max_batch_pixels = settings.max_batch_pixels
        self._threads = ThreadPoolExecutor(usable_cores(), thread_name_prefix="imaging")

    async def one(self, item: Item, exchange: Exchange) -> Seen:
        """The frame of a single image. Raises ServiceError where it cannot become one."""
        opened = self._open(item)
        if opened is None or opened.width * opened.height <= INLINE_PIXELS:
            seen = _see(item, opened)
        else:
            seen = await asyncio.get_running_loop().run_in_executor(self._threads, _see, item, opened)
        _spend(exchange, seen.decoding, seen.normalising)
        return seen

    async def many(self, body: Body, exchange: Exchange) -> Batch:
        """Raises BatchTooLarge, DeadlineExceeded for the batch as a whole; an item's error stays its own."""
        if isinstance(body, np.ndarray):
            return _batch_of_frames(body)
        loop = asyncio.get_running_loop()
        seconds_left = None if exchange.deadline is None else exchange.deadline - loop.time()
        batch, decoding, normalising = await loop.run_in_executor(self._threads, self._see_all, body, seconds_left)
        _spend(exchange, decoding, normalising)
        return batch

    def close(self) -> None:
        self._threads.shutdown()

    def _open(self, item: Item) -> Image.Image | None:
        if item.image is None:
            return None
        return open_image(item.image, item.media_type, max_pixels=self._max_image_pixels)

    def _see_all(self, items: Sequence[Item], seconds_left: float | None) -> tuple[Batch, float, float]:
        give_up = perf_counter() + seconds_left if seconds_left is not None else float("inf")
        batch = Batch(len(items), np.empty((0, SIDE, SIDE), np.uint8))
        batch.names.update({place: item.name for place, item in enumerate(items) if item.name is not None})
        opened = self._open_all(items, batch.errors)
        seen: list[Seen] = []
        for place, image in opened.items():
            if perf_counter() > give_up:
                raise DeadlineExceeded(f"the deadline passed after {place} of {len(items)} images were decoded")
            try:
                seen.append(_see(items[place], image))
            except ServiceError as error:
                batch.errors[place] = error
            else:
                batch.steps[place] = seen[-1].steps
        if seen:
            batch.frames = np.stack([one.pixels for one in seen])
        return batch, sum(one.decoding for one in seen), sum(one.normalising for one in seen)

    def _open_all(self, items: Sequence[Item], errors: dict[int, ServiceError]) -> dict[int, Image.Image | None]:
        """Read every header before any pixel, so that a batch that is too large costs nothing more."""
        opened: dict[int, Image.Image | None] = {}
        for place, item in enumerate(items):
            try:
                if item.error is not None:
                    raise item.error
                opened[place] = self._open(item)
            except ServiceError as error:
                errors[place] = error
        pixels = sum(image.width * image.height for image in opened.values() if image is not None)
        if pixels > self._max_batch_pixels:
            raise BatchTooLarge(
                f"the batch's images hold {pixels:,} pixels together; at most {self._max_batch_pixels:,} are decoded "
                "for one request. Send fewer at a time, or smaller ones."
            )
        return opened


def _between(entries: dict[int, T], start: int, stop: int) -> dict[int, T]:
    return {place - start: entries[place] for place in range(start, stop) if place in entries}


def _see(item: Item, opened: Image.Image | None) -> Seen:
    if opened is None:
        assert item.frame is not None
        if not item.frame.any():
            raise _blank()
        return Seen(item.frame)
    started = perf_counter()
    grey = decode(opened)
    decoded = perf_counter()
    frame = normalise(grey)
    return Seen(frame.pixels, frame.steps, decoded - started, perf_counter() - decoded)


def _batch_of_frames(frames: Frames) -> Batch:
    inked = frames.reshape(len(frames), -1).any(axis=1)
    if inked.all():
        return Batch(len(frames), frames)
    return Batch(len(frames), frames[inked], {int(place): _blank() for place in np.flatnonzero(~inked)})


def _blank() -> NoInk:
    return NoInk("all 28x28 pixels are 0, the background; expected ink, up to 255")


def _spend(exchange: Exchange, decoding: float, normalising: float) -> None:
    exchange.spend("decode", decoding)
    exchange.spend("normalise", normalising)
