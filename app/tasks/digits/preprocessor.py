"""Bodies -> the frames that a model sees: what is proven cheap on the event loop, all else in processes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

import numpy as np

from app.config import Settings
from app.errors import ServiceError
from app.imaging.normalise import Frame
from app.imaging.strips import StripShape
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.pool import Pool, run_for
from app.tasks.digits import portions, work
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.beam import Scores
from app.tasks.digits.decisions import choose
from app.tasks.digits.manifest import DigitsManifest
from app.tasks.digits.portions import Begun, Forgotten, Portion
from app.tasks.digits.readings import Ranking
from app.tasks.digits.requests import BatchRequest, How, ImageRequest, Limits
from app.tasks.digits.work import FoundNumbers, Seen, Unfinished
from app.tasks.lines.ctc import Columns
from app.tasks.lines.trust import Reader

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
    others: Frames = field(default_factory=lambda: NO_FRAMES)
    """uint8 [M, 28, 28]: what else the images may be, one after the other."""

    @property
    def inputs(self) -> Tensors:
        return (np.concatenate((self.frames, self.others)) if len(self.others) else self.frames,)

    @property
    def rows(self) -> int:
        return len(self.frames) + len(self.others)

    @property
    def images(self) -> int:
        return self.count

    def good(self) -> list[int]:
        """The places of frames that were made of images."""
        return [place for place in range(self.count) if place not in self.errors] if self.made else []

    def slices(self, rows: int) -> Iterator["Batch"]:
        """The same batch in consecutive pieces of up to so many items."""
        taken = passed = 0
        for start in range(0, self.count, rows):
            stop = min(start + rows, self.count)
            errors = _between(self.errors, start, stop)
            good = stop - start - len(errors)
            frames = self.frames[taken : taken + good]
            taken += good
            made = _between(self.made, start, stop)
            others = self.others[passed : passed + sum(len(frame.others) for frame in made.values())]
            passed += len(others)
            yield Batch(stop - start, frames, errors, made, _between(self.names, start, stop), others)

    def chosen(self, scores: Scores, margin: float) -> tuple["Batch", Scores]:
        """The batch with one frame for each image, that which the model takes, and its scores.

        `scores` are those of all rows, float32 [N, 11].
        """
        if not len(self.others):
            return self, scores
        rows, at, made = np.arange(len(self.frames)), len(self.frames), dict(self.made)
        for row, place in enumerate(self.good()):
            frame = self.made.get(place)
            if frame is None or not frame.others:
                continue
            own = [row, *range(at, at + len(frame.others))]
            at += len(frame.others)
            made[place], best = choose(frame, scores[own], margin)
            rows[row] = own[best]
        frames = self.inputs[0][rows]
        return replace(self, frames=frames, made=made, others=NO_FRAMES), scores[rows]

    def with_first_alone(self) -> "Batch":
        """The batch without what else its images may be."""
        made = {place: frame._replace(others=()) for place, frame in self.made.items()}
        return replace(self, made=made, others=NO_FRAMES)


class Preprocessor:
    """Turns what came into frames, within the limits on what it may hold."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._limits = Limits(settings.max_image_pixels, settings.max_batch_pixels)
        self._most_rows = settings.max_batch_images
        self._pool = pool
        self._numbers = count()

    def see_here(self, request: ImageRequest, manifest: DigitsManifest, context: RequestContext) -> Seen | Unfinished:
        """The frame of one image, where that cannot hold up the event loop. Raises ServiceError."""
        if request.item is None or (request.trail and request.item.frame is None):
            return Unfinished()
        try:
            seen = work.see_here(request.item, len(request.body), manifest.preparation)
        except ServiceError as error:
            context.spend_all(error.spent)
            raise
        if isinstance(seen, Seen) and seen.spent:
            context.spend_all(seen.spent)
        return seen

    async def see(
        self, begun: Unfinished, request: ImageRequest, manifest: DigitsManifest, context: RequestContext
    ) -> Seen:
        """The frame of any image, from a process. Raises ServiceError."""
        arguments = request.cut, self._how(manifest)._replace(trail=request.trail), begun
        seen = await run_for(context, self._pool.admitting(), work.see, *arguments, body=request.body)
        context.spend_all(seen.spent)
        return seen

    async def find(
        self, request: ImageRequest, manifest: DigitsManifest, shape: StripShape | None, context: RequestContext
    ) -> FoundNumbers:
        """Where numbers stand in an image, and all the ways in which they may be cut; with strips of a shape, if there
        is one. Raises ServiceError.
        """
        arguments = request.cut, self._how(manifest), shape
        found = await run_for(context, self._pool.admitting(), work.find, *arguments, body=request.body)
        context.spend_all(found.spent)
        return found

    async def rank(
        self,
        found: FoundNumbers,
        scores: Scores,
        best: int,
        manifest: DigitsManifest,
        columns: list[Columns | None],
        reader: Reader | None,
        context: RequestContext,
    ) -> list[Ranking | None]:
        """What numbers say by the scores of their candidates, float32 [N, 11], and by a line reader's columns: their
        `best` readings.
        """
        arguments = found.numbers, scores, manifest.numbers, best, columns, reader
        return await run_for(context, self._pool.least_busy(), work.rank, *arguments)

    async def many(self, request: BatchRequest, manifest: DigitsManifest, context: RequestContext) -> Batch:
        """Raises ServiceError for the batch as a whole; an item's error stays its own."""
        if request.frames is not None:
            return _batch_of_frames(request.frames)
        how = self._how(manifest)
        batch, frames, others = Batch(0, NO_FRAMES), [NO_FRAMES], [NO_FRAMES]
        async for portion in (self._steps_here if request.is_quick else self._steps)(request, how, context):
            frames.append(portion.frames)
            others.append(portion.others)
            batch.count += portion.count
            batch.errors |= portion.errors
            batch.made |= portion.made
            batch.names |= portion.names
            context.spend_all(portion.spent)
        batch.frames, batch.others = np.concatenate(frames), np.concatenate(others)
        return batch if batch.rows <= self._most_rows else batch.with_first_alone()

    async def _steps_here(self, request: BatchRequest, how: How, context: RequestContext) -> AsyncIterator[Portion]:
        """Numbers in JSON, a few milliseconds at a time on the event loop itself: they weigh more than their frames."""
        begun, portion = Begun(request, how), Portion()
        while not portion.is_last:
            portion = begun.step(HERE_SECONDS)
            yield portion
            await asyncio.sleep(0)
            context.check_caller()
            context.check_deadline()

    async def _steps(self, request: BatchRequest, how: How, context: RequestContext) -> AsyncIterator[Portion]:
        """In a process, a few images at a time, so that other requests' images come in between."""
        process, number, done = self._pool.admitting(), next(self._numbers), 0
        begin = portions.begin_batch, number, request._replace(body=b""), how
        try:
            portion = await run_for(context, process, *begin, done, body=request.body)
            while True:
                yield portion
                if portion.is_last:
                    return
                done += portion.count
                try:
                    portion = await run_for(context, process, portions.go_on, number)
                except Forgotten:  # another request's picture has broken the process, and ours was in its memory
                    portion = await run_for(context, process, *begin, done, body=request.body)
        except BaseException:
            process.send(portions.forget, number)
            raise

    def _how(self, manifest: DigitsManifest) -> How:
        return How(self._limits, manifest.preparation)


def _between(entries: dict[int, T], start: int, stop: int) -> dict[int, T]:
    return {place - start: entries[place] for place in range(start, stop) if place in entries}


def _batch_of_frames(frames: Frames) -> Batch:
    inked = frames.reshape(len(frames), -1).any(axis=1)
    if inked.all():
        return Batch(len(frames), frames)
    return Batch(len(frames), frames[inked], {int(place): work.blank() for place in np.flatnonzero(~inked)})
