"""Very many images -> chunks of a size that one request may well have. A path stays one until its turn.

What else a caller gives is made into bytes here and now: a loop may write its next picture into the same array.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, cast

from digitserve_client import arrays, images
from digitserve_client.images import FRAME_BYTES, AnyImage, Part
from digitserve_client.results import Limits

FRAMES, PICTURES = 2048, 64  # in a request: some 0.2 s of one core each
BODY_BYTES = 4 << 20  # of a request: a worker holds some 64 MiB for all callers
FORM_BYTES = 400  # around each file of a multipart body, its name included
RATED_SECONDS = 2.0  # of what a caller may send, in one chunk
OLDEST = 0.25  # seconds that an image waits for others to come; with a plain Iterable, until the next one comes
SLOWEST, QUICK = 4.0, 1.0  # seconds of an answer, beyond which chunks become smaller, and within which larger again
SMALLEST = 1 / 64

Held: TypeAlias = Part | Path
H = TypeVar("H", bound=Part | Path)
Image = TypeVar("Image")
T = TypeVar("T")


class Lull(Enum):
    """What a source may give while it has no image, so that what it gave does not wait for the next."""

    NOW = "now"


@dataclass(frozen=True, slots=True)
class Chunk(Generic[H]):
    """Consecutive images, of which the first has the place `start`: held one by one, or raw frames end to end."""

    start: int
    held: tuple[H, ...] | bytes

    def __len__(self) -> int:
        return len(self.held) // FRAME_BYTES if isinstance(self.held, bytes) else len(self.held)

    def halves(self) -> "tuple[Chunk[H], Chunk[H]]":
        """The first and the last of its images."""
        middle = len(self) // 2
        cut = middle * FRAME_BYTES if isinstance(self.held, bytes) else middle
        return Chunk(self.start, self.held[:cut]), Chunk(self.start + middle, self.held[cut:])


@dataclass
class Size:
    """How large chunks are: as the service's limits say, and less where it turned out to be slow."""

    limits: Limits = field(default_factory=Limits)
    share: float = 1.0

    @property
    def body_bytes(self) -> int:
        return min(BODY_BYTES, self.limits.body_bytes)

    def frames(self) -> int:
        return self._of(FRAMES)

    def pictures(self) -> int:
        return self._of(PICTURES)

    def took(self, seconds: float) -> None:
        """A chunk was answered after so long."""
        if seconds > SLOWEST:
            self.smaller()
        elif seconds < QUICK:
            self.share = min(1.0, self.share * 1.25)

    def smaller(self) -> None:
        """A chunk was too much."""
        self.share = max(SMALLEST, self.share / 2)

    def _of(self, most: int) -> int:
        rate = self.limits.images_per_second
        allowed = min(most, self.limits.batch_images, rate * RATED_SECONDS if rate else most)
        return max(1, int(allowed * self.share))


@dataclass
class Cutter:
    """Gathers images into chunks."""

    size: Size
    clock: Callable[[], float]
    _place: int = 0
    _held: list[Held] = field(default_factory=list)
    _full: float = 0.0  # as a share of what a chunk holds
    _began: float = 0.0

    def add(self, held: Held) -> Chunk[Held] | None:
        """The chunk that this image completes, if it does."""
        if not self._held:
            self._began = self.clock()
        self._held.append(held)
        part = 1 / (self.size.frames() if isinstance(held, Part) and held.is_frame else self.size.pictures())
        self._full += max(part, _weight(held) / self.size.body_bytes)
        if self._full >= 1 or self.clock() - self._began > OLDEST:
            return self.rest()
        return None

    def rest(self) -> Chunk[Held] | None:
        """What was gathered since the last one."""
        if not self._held:
            return None
        chunk = Chunk(self._place, tuple(self._held))
        self._place += len(chunk)
        self._held, self._full = [], 0.0
        return chunk


_Ready: TypeAlias = asyncio.Queue[Chunk[Held] | None]


def cut(
    several: Iterable[AnyImage | Lull] | arrays.Array, size: Size, clock: Callable[[], float]
) -> Iterator[Chunk[Held] | Lull]:
    """Chunks of all images, and the source's lulls.

    What is wrong with an image is raised after the chunk of those before it, with its place noted. Raises
    ValueError, TypeError and OSError as `images.encode` does, and whatever the iterable raises.
    """
    images.check_several(several)
    if arrays.is_array(several) and arrays.are_frames(several):
        yield from _slices(several, size)
        return
    cutter, place = Cutter(size, clock), 0
    try:
        for image in cast(Iterable[AnyImage | Lull], several):
            if image is Lull.NOW:
                yield cutter.rest() or Lull.NOW
                continue
            if chunk := cutter.add(noting(place, hold, image)):
                yield chunk
            place += 1
    except Exception:
        if chunk := cutter.rest():
            yield chunk
        raise
    if chunk := cutter.rest():
        yield chunk


def hold(image: AnyImage) -> Held:
    """The image as it is kept until it is sent. Raises as `images.encode` does."""
    return Path(image) if isinstance(image, str | os.PathLike) else images.encode(image)


def noting(place: int, work: Callable[[Image], T], image: Image) -> T:
    """What `work` makes of it; where it raises, the image's place is noted."""
    try:
        return work(image)
    except Exception as error:
        error.add_note(f"in images[{place}]")
        raise


async def cut_async(
    several: Iterable[AnyImage] | AsyncIterable[AnyImage] | arrays.Array, size: Size, clock: Callable[[], float]
) -> AsyncGenerator[Chunk[Held], None]:
    """The same, away from the event loop, and nothing waits for the next image of an AsyncIterable.

    What is none is iterated in a thread.
    """
    if not isinstance(several, AsyncIterable):
        chunks = cut(several, size, clock)
        while (given := await asyncio.to_thread(next, chunks, None)) is not None:
            if given is not Lull.NOW:
                yield given
        return
    cutter, ready = Cutter(size, clock), _Ready(1)
    gathering = asyncio.create_task(_gather(several, cutter, ready))
    try:
        while not (gathering.done() and ready.empty()):
            try:
                chunk = await asyncio.wait_for(ready.get(), OLDEST)
            except TimeoutError:  # the source waits, and what it gave goes on; what is `ready` came before that
                chunk = cutter.rest() if ready.empty() else None
            if chunk:
                yield chunk
        await gathering
    finally:
        gathering.cancel()
        await asyncio.gather(gathering, return_exceptions=True)


async def _gather(several: AsyncIterable[AnyImage], cutter: Cutter, ready: _Ready) -> None:
    """All images, in one task from the first to the last: a source may hold what belongs to its task."""
    place = 0
    try:
        async for image in several:
            if images.is_at_hand(image):
                held = noting(place, hold, image)
            else:
                held = await asyncio.to_thread(noting, place, hold, image)
            place += 1
            if chunk := cutter.add(held):
                await ready.put(chunk)
    except Exception:
        await ready.put(cutter.rest())
        raise
    await ready.put(cutter.rest())


def _slices(frames: Any, size: Size) -> Iterator[Chunk[Held]]:
    start = 0
    while start < len(frames):
        stop = start + min(size.frames(), max(1, size.body_bytes // FRAME_BYTES))
        yield Chunk(start, frames[start:stop].tobytes())
        start = min(stop, len(frames))


def _weight(held: Held) -> int:
    """Bytes that it takes in a body."""
    if isinstance(held, Part):
        return len(held.content) + (0 if held.is_frame else FORM_BYTES)
    try:
        return held.stat().st_size + FORM_BYTES
    except OSError:  # told when it is read
        return FORM_BYTES
