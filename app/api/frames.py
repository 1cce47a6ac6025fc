"""Bodies -> the frames that the model sees: what is proven cheap on the event loop, all else in processes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import numpy as np

from app.api import bodies, work
from app.api.bodies import Bounds
from app.api.exchange import Exchange
from app.api.pool import Pool, Process
from app.api.work import Begun, Forgotten, Part, Readings, Seen, Sheet, Spent, Unfinished
from app.config import Settings
from app.cores import usable_cores
from app.errors import QueueFull, ServiceError
from app.imaging.arrays import SIDE, Frames
from app.imaging.normalise import Frame
from app.imaging.readings import Scores

T = TypeVar("T")
HERE_SECONDS = 0.002  # of a batch, after which the event loop looks after others
NO_FRAMES = np.empty((0, SIDE, SIDE), np.uint8)


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
    """Turns what came into frames, within the limits on what a body may hold and on how long it may wait."""

    def __init__(self, settings: Settings) -> None:
        self._bounds = Bounds(
            image_pixels=settings.max_image_pixels,
            batch_images=settings.max_batch_images,
            batch_pixels=settings.max_batch_pixels,
            item_bytes=settings.max_body_bytes,
            unpacked_bytes=settings.max_unpacked_bytes,
        )
        self._max_wait_seconds = settings.max_wait_seconds
        self._pool = Pool(max(1, usable_cores() // settings.workers))
        self._numbers = count()

    def start(self) -> None:
        """Start the processes; `begin` must follow."""
        self._pool.start()

    async def begin(self) -> None:
        """Raises StartError where they cannot start."""
        await self._pool.begin()

    async def close(self) -> None:
        await self._pool.close()

    def see_here(self, body: bytes, exchange: Exchange) -> Seen | Unfinished:
        """The frame of a single image, unless that could hold up the event loop. Raises ServiceError."""
        try:
            seen = work.see_here(body, _content_type(exchange))
        except ServiceError as error:
            _spend(error.spent, exchange)
            raise
        if isinstance(seen, Seen):
            _spend(seen.spent, exchange)
        return seen

    async def see(self, body: bytes, begun: Unfinished, exchange: Exchange) -> Seen:
        """The same of any image, in a process. Raises ServiceError."""
        arguments = _content_type(exchange), self._bounds, begun
        seen = await self._run(self._process(), exchange, work.see, *arguments, body=body)
        _spend(seen.spent, exchange)
        return seen

    async def find(self, body: bytes, exchange: Exchange) -> Sheet:
        """Where numbers stand in an image, and all the ways in which they may be cut. Raises ServiceError."""
        arguments = _content_type(exchange), self._bounds
        sheet = await self._run(self._process(), exchange, work.find, *arguments, body=body)
        _spend(sheet.spent, exchange)
        return sheet

    async def read(self, sheet: Sheet, scores: Scores, best: int, exchange: Exchange) -> list[Readings | None]:
        """What its numbers say by the scores of their candidates, float32 [N, 11]: their `best` readings."""
        return await self._run(self._pool.least_busy(), exchange, work.read, sheet.numbers, scores, best)

    async def many(self, body: bytes, exchange: Exchange) -> Batch:
        """Raises ServiceError for the batch as a whole; an item's error stays its own."""
        plain = bodies.plain_batch(_content_type(exchange), body, self._bounds)
        if plain is not None:
            return _batch_of_frames(plain)
        here = bodies.is_batch_of_rows(_content_type(exchange), body)
        batch, frames = Batch(0, NO_FRAMES), [NO_FRAMES]
        async for part in self._steps_here(body, exchange) if here else self._steps(body, exchange):
            frames.append(part.frames)
            batch.count += part.count
            batch.errors |= part.errors
            batch.made |= part.made
            batch.names |= part.names
            _spend(part.spent, exchange)
        batch.frames = np.concatenate(frames)
        return batch

    async def _steps_here(self, body: bytes, exchange: Exchange) -> AsyncIterator[Part]:
        """Numbers in JSON, a few milliseconds at a time on the event loop itself: they weigh more than their frames."""
        begun, part = Begun(body, _content_type(exchange), self._bounds), Part()
        while not part.is_last:
            part = begun.step(HERE_SECONDS)
            yield part
            await asyncio.sleep(0)
            exchange.check_caller()
            exchange.check_deadline()

    async def _steps(self, body: bytes, exchange: Exchange) -> AsyncIterator[Part]:
        """In a process, a few images at a time, so that other requests' images come in between."""
        process, number, done = self._process(), next(self._numbers), 0
        try:
            part = await self._begin(process, number, body, done, exchange)
            while True:
                yield part
                if part.is_last:
                    return
                done += part.count
                try:
                    part = await self._run(process, exchange, work.go_on, number)
                except Forgotten:  # another request's picture has broken the process, and ours was in its memory
                    part = await self._begin(process, number, body, done, exchange)
        except BaseException:
            process.send(work.forget, number)
            raise

    async def _begin(self, process: Process, number: int, body: bytes, done: int, exchange: Exchange) -> Part:
        arguments = number, _content_type(exchange), self._bounds, done
        return await self._run(process, exchange, work.begin_batch, *arguments, body=body)

    async def _run(
        self, process: Process, exchange: Exchange, job: Callable[..., T], *arguments: Any, body: bytes = b""
    ) -> T:
        """The deadline holds while the job waits for its process, and while it runs."""
        try:
            return await process.run(job, *arguments, body=body, deadline=exchange.deadline, is_gone=exchange.is_gone)
        except TimeoutError as error:
            raise exchange.too_late("while images were decoded") from error
        except ServiceError as error:
            _spend(error.spent, exchange)
            raise

    def _process(self) -> Process:
        """Where new work waits least. Raises QueueFull where that is too long."""
        process = self._pool.least_busy()
        wait = process.wait_seconds
        if wait > self._max_wait_seconds:
            raise QueueFull(
                f"requests wait to be decoded, for about {wait:.1f} s; they may for {self._max_wait_seconds:g} s. "
                "Try again after Retry-After, or send smaller batches.",
                retry_after=wait,
            )
        return process


def _content_type(exchange: Exchange) -> str:
    return exchange.header(b"content-type")


def _spend(spent: Spent, exchange: Exchange) -> None:
    for stage, seconds in spent.items():
        exchange.spend(stage, seconds)


def _between(entries: dict[int, T], start: int, stop: int) -> dict[int, T]:
    return {place - start: entries[place] for place in range(start, stop) if place in entries}


def _batch_of_frames(frames: Frames) -> Batch:
    inked = frames.reshape(len(frames), -1).any(axis=1)
    if inked.all():
        return Batch(len(frames), frames)
    return Batch(len(frames), frames[inked], {int(place): work.blank() for place in np.flatnonzero(~inked)})
