"""Items -> the frames that the model sees: a small image on the event loop, a large one or a batch on threads."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from app.api.bodies import Body, Item
from app.api.exchange import Exchange
from app.api.pool import Pool
from app.config import Settings
from app.cores import usable_cores
from app.errors import BatchTooLarge, NoInk, QueueFull, ServiceError
from app.imaging.arrays import SIDE, Frames
from app.imaging.decode import decode, open_image, pixels_of
from app.imaging.normalise import WORKING, Frame, normalise
from app.imaging.numbers import Number, find_numbers

T = TypeVar("T")
Opened = dict[int, Image.Image | None]  # by place in the batch; None: a frame already

# About a millisecond of work: a thread would gain nothing. Bytes count too, for few pixels can hide in many of them.
INLINE_PIXELS, INLINE_BYTES = 100_000, 65_536
GROUP_PIXELS = 1_000_000  # some ten milliseconds


class Seen(NamedTuple):
    """What the model will see of one item, and how it came to be."""

    frame: Frame
    decoding: float = 0.0  # seconds
    normalising: float = 0.0  # seconds


class Sheet(NamedTuple):
    """The numbers in one picture, and how many of the picture's pixels are one of those that boxes are counted in."""

    numbers: list[Number]
    scale: float


@dataclass
class Batch:
    """A batch as the model will see it; the dictionaries are keyed by place in the batch."""

    count: int
    frames: Frames  # uint8 [count - len(errors), 28, 28], in the batch's order
    errors: dict[int, ServiceError] = field(default_factory=dict)
    made: dict[int, Frame] = field(default_factory=dict)
    """The frames that were made of images, as those that came as pixels were not."""
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
                _between(self.made, start, stop),
                _between(self.names, start, stop),
            )


class Framer:
    """Turns what came into frames, within the limits on pixels and on what may wait, and times it."""

    def __init__(self, settings: Settings) -> None:
        self._max_image_pixels = settings.max_image_pixels
        self._max_batch_pixels = settings.max_batch_pixels
        self._max_waiting = settings.max_queue_images
        self._max_wait_seconds = settings.max_wait_seconds
        self._waiting = 0
        self._pool = Pool(max(1, usable_cores() // settings.workers))

    def see_small(self, item: Item, exchange: Exchange) -> Seen | None:
        """The frame of a single image, or None where making it would hold up the event loop. Raises ServiceError."""
        if item.image is None:
            return _see(item, None)
        if len(item.image) > INLINE_BYTES:
            return None
        opened = self._open(item)
        if _pixels(opened) > INLINE_PIXELS:
            return None
        return _spent(_see(item, opened), exchange)

    async def see_large(self, item: Item, exchange: Exchange) -> Seen:
        """The same on a thread, for images of any size."""
        with self._room_for(1):
            return _spent(await self._on_thread(exchange, self._open_and_see, item), exchange)

    async def numbers(self, item: Item, exchange: Exchange) -> Sheet:
        """Where numbers stand in an image, and all the ways in which they may be cut. Raises ServiceError."""
        with self._room_for(1):
            sheet = await self._on_thread(exchange, self._open_and_find, item)
        exchange.lap("normalise")
        return sheet

    async def many(self, body: Body, exchange: Exchange) -> Batch:
        """Raises BatchTooLarge, QueueFull, DeadlineExceeded for the batch as a whole; an item's error stays its own.

        The threads get a few images at a time, so that other requests' images come in between.
        """
        if isinstance(body, np.ndarray):
            return _batch_of_frames(body)
        batch = Batch(len(body), np.empty((0, SIDE, SIDE), np.uint8))
        batch.names = {place: item.name for place, item in enumerate(body) if item.name is not None}
        seen: list[Seen] = []
        with self._room_for(len(body)):
            opened = await self._on_thread(exchange, self._open_all, body, batch.errors)
            for group in _groups(opened):
                exchange.check_caller()
                seen += await self._on_thread(exchange, _see_group, body, group, batch)
        if seen:
            batch.frames = np.stack([one.frame.pixels for one in seen])
        exchange.spend("decode", sum(one.decoding for one in seen))
        exchange.spend("normalise", sum(one.normalising for one in seen))
        return batch

    def close(self) -> None:
        self._pool.close()

    def _open_and_see(self, item: Item) -> Seen:
        return _see(item, self._open(item))

    def _open_and_find(self, item: Item) -> Sheet:
        opened = self._open(item)
        if opened is None:
            assert item.frame is not None
            return Sheet(find_numbers(item.frame), 1.0)
        longer = max(opened.size)
        pixels = decode(opened)
        return Sheet(find_numbers(pixels), longer / max(pixels.shape[:2]))

    def _open(self, item: Item) -> Image.Image | None:
        if item.image is None:
            return None
        return open_image(item.image, item.media_type, max_pixels=self._max_image_pixels)

    def _open_all(self, items: Sequence[Item], errors: dict[int, ServiceError]) -> Opened:
        """Read every header before any pixel, so that a batch that is too large costs nothing more."""
        opened: Opened = {}
        for place, item in enumerate(items):
            try:
                if item.error is not None:
                    raise item.error
                opened[place] = self._open(item)
            except ServiceError as error:
                errors[place] = error.bare()
        pixels = sum(_pixels(image) for image in opened.values())
        if pixels > self._max_batch_pixels:
            raise BatchTooLarge(
                f"the batch's images hold {pixels:,} pixels together; at most {self._max_batch_pixels:,} are decoded "
                "for one request. Send fewer at a time, or smaller ones."
            )
        return opened

    async def _on_thread(self, exchange: Exchange, work: Callable[..., T], *arguments: Any) -> T:
        """The deadline holds while the work waits for a thread, and while it runs."""
        try:
            return await self._pool.run(work, *arguments, deadline=exchange.deadline)
        except TimeoutError as error:
            raise exchange.too_late("while images were decoded") from error

    @contextmanager
    def _room_for(self, images: int) -> Iterator[None]:
        wait = self._pool.wait_seconds
        if self._waiting + images > self._max_waiting or wait > self._max_wait_seconds:
            raise QueueFull(
                f"{self._waiting} images wait to be decoded, for about {wait:.1f} s, and this request brings {images}; "
                f"at most {self._max_waiting} may wait, for {self._max_wait_seconds:g} s. "
                "Try again after Retry-After, or send smaller batches.",
                retry_after=wait,
            )
        self._waiting += images
        try:
            yield
        finally:
            self._waiting -= images


def _between(entries: dict[int, T], start: int, stop: int) -> dict[int, T]:
    return {place - start: entries[place] for place in range(start, stop) if place in entries}


def _see(item: Item, opened: Image.Image | None) -> Seen:
    if opened is None:
        assert item.frame is not None
        if not np.count_nonzero(item.frame):  # several times faster than any()
            raise _blank()
        return Seen(Frame(item.frame, ()))
    started = perf_counter()
    pixels = decode(opened, WORKING)
    decoded = perf_counter()
    frame = normalise(pixels)
    return Seen(frame, decoded - started, perf_counter() - decoded)


def _see_group(items: Sequence[Item], group: Opened, batch: Batch) -> list[Seen]:
    seen: list[Seen] = []
    for place in list(group):
        try:
            seen.append(_see(items[place], group.pop(place)))  # popped: a decoded picture goes before the next comes
        except ServiceError as error:
            batch.errors[place] = error.bare()
        else:
            if seen[-1].frame.steps:
                batch.made[place] = seen[-1].frame
    return seen


def _groups(opened: Opened) -> Iterator[Opened]:
    """Take consecutive images of up to GROUP_PIXELS together, at least one, out of those that are opened."""
    group: Opened = {}
    pixels = 0
    for place in list(opened):
        more = _pixels(opened[place])
        if group and pixels + more > GROUP_PIXELS:
            yield group
            group, pixels = {}, 0
        group[place] = opened.pop(place)
        pixels += more
    if group:
        yield group


def _pixels(image: Image.Image | None) -> int:
    return SIDE * SIDE if image is None else pixels_of(image)


def _batch_of_frames(frames: Frames) -> Batch:
    inked = frames.reshape(len(frames), -1).any(axis=1)
    if inked.all():
        return Batch(len(frames), frames)
    return Batch(len(frames), frames[inked], {int(place): _blank() for place in np.flatnonzero(~inked)})


def _blank() -> NoInk:
    return NoInk("all 28x28 pixels are 0, the background; expected ink, up to 255")


def _spent(seen: Seen, exchange: Exchange) -> Seen:
    exchange.spend("decode", seen.decoding)
    exchange.spend("normalise", seen.normalising)
    return seen
