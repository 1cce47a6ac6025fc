"""Very many images are cut into chunks that fit the service's limits, and nothing is read before its turn."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_client import chunks
from digitserve_client.chunks import BODY_BYTES, FRAMES, PICTURES, Chunk, Size
from digitserve_client.images import Part
from digitserve_client.results import Limits
from hypothesis import given, settings
from hypothesis import strategies as st

FRAME = np.arange(784, dtype=np.uint8).reshape(28, 28)
PHOTO = np.zeros((30, 20), np.uint8)


def lengths(images: Any, limits: Limits | None = None, clock: Any = lambda: 0.0) -> list[int]:
    return [len(chunk) for chunk in chunks.cut(images, Size(limits or Limits()), clock)]


def test_an_array_of_frames_is_cut_without_looking_at_each() -> None:
    frames = np.broadcast_to(FRAME, (FRAMES * 2 + 3, 28, 28))
    found = list(chunks.cut(frames, Size(), lambda: 0.0))
    assert [(chunk.start, len(chunk)) for chunk in found] == [(0, FRAMES), (FRAMES, FRAMES), (2 * FRAMES, 3)]
    assert all(chunk.held == FRAME.tobytes() * len(chunk) for chunk in found)


def test_an_endless_source_is_cut_as_it_comes() -> None:
    def endless() -> Iterator[Any]:
        while True:
            yield FRAME

    found = chunks.cut(endless(), Size(), lambda: 0.0)
    assert [next(found).start for _ in range(3)] == [0, FRAMES, 2 * FRAMES]


def test_pictures_come_in_smaller_chunks_than_frames(tmp_path: Path) -> None:
    assert lengths([FRAME] * (FRAMES + 1)) == [FRAMES, 1]
    assert lengths([PHOTO] * (PICTURES + 1)) == [PICTURES, 1]
    assert lengths(np.zeros((PICTURES + 1, 30, 20), np.uint8)) == [PICTURES, 1]
    (tmp_path / "large").write_bytes(bytes(BODY_BYTES // 2))
    assert lengths([tmp_path / "large"] * 3 + [tmp_path / "small"]) == [2, 2]


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (Limits(batch_images=100), [100, 100, 50]),
        (Limits(body_bytes=100 * 784), [100, 100, 50]),
        (Limits(images_per_second=50), [100, 100, 50]),
        (Limits(body_bytes=1), [1] * 250),
    ],
)
def test_the_services_limits_are_kept(limits: Limits, found: list[int]) -> None:
    assert lengths([FRAME] * 250, limits) == lengths(np.stack([FRAME] * 250), limits) == found


def test_a_slow_source_is_not_waited_for() -> None:
    ticks = iter(np.arange(0, 100, 0.15))
    assert lengths([FRAME] * 6, clock=lambda: float(next(ticks))) == [2, 2, 2]


def test_chunks_become_smaller_where_the_service_is_slow_and_larger_again() -> None:
    size = Size()
    size.took(10.0)
    assert size.frames() == FRAMES // 2
    for _ in range(20):
        size.smaller()
    assert (size.frames(), size.pictures()) == (FRAMES // 64, 1)
    for _ in range(40):
        size.took(0.1)
    assert size.frames() == FRAMES


@settings(deadline=None)
@given(st.integers(2, 50))
def test_halves_hold_what_the_whole_held(count: int) -> None:
    parts = tuple(Part(bytes([place]), "image/png") for place in range(count))
    first, last = Chunk(7, parts).halves()
    assert [*first.held, *last.held] == [*parts]
    assert (first.start, last.start) == (7, 7 + len(first))
    frames = bytes(range(count)) * 784
    first, last = Chunk(7, frames).halves()
    assert [*first.held, *last.held] == [*frames]
    assert len(first) + len(last) == count


def test_an_array_that_is_written_again_is_sent_as_it_was() -> None:
    def camera() -> Iterator[Any]:
        picture = np.zeros((28, 28), np.uint8)
        for place in range(3):
            picture[:] = place
            yield picture

    (chunk,) = chunks.cut(camera(), Size(), lambda: 0.0)
    assert [held.content[0] for held in chunk.held if isinstance(held, Part)] == [0, 1, 2]


def test_what_is_wrong_with_an_image_is_raised_after_the_chunk_of_those_before() -> None:
    found = chunks.cut([FRAME, FRAME, FRAME / 255], Size(), lambda: 0.0)
    assert len(next(found)) == 2
    with pytest.raises(ValueError, match="float64") as refusal:
        next(found)
    assert refusal.value.__notes__ == ["in images[2]"]


@pytest.mark.parametrize("several", [[FRAME, PHOTO], np.stack([FRAME] * 3), iter([FRAME.tobytes()])])
def test_asyncio_cuts_the_same(several: Any) -> None:
    async def images() -> AsyncIterator[Any]:
        for one in several if not isinstance(several, Iterator) else [FRAME.tobytes()]:
            yield one

    async def main(source: Any) -> list[int]:
        return [len(chunk) async for chunk in chunks.cut_async(source, Size(), lambda: 0.0)]

    assert (
        asyncio.run(main(images()))
        == asyncio.run(main(several))
        == [1 if isinstance(several, Iterator) else len(several)]
    )
