"""Requests with pictures of digits, as they come from any transport.

How a body is cut into items is the business of whoever received it, who says so by a function, `Cut` or `CutMany`.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from app.budget import Budget
from app.errors import ServiceError
from app.imaging.preparation import Preparation
from app.tasks.digits.arrays import Frames

LENGTH = struct.Struct("<I")


class Item(NamedTuple):
    """One image of a request: an encoded image, a frame that is ready, or why it is neither."""

    image: bytes | None = None
    media_type: str | None = None  # what `image` is said to be; None: whatever it turns out to be
    frame: Frames | None = None  # uint8 [28, 28]
    error: ServiceError | None = None
    name: str | None = None  # the file's, where it came with one
    page: int = 1  # of a PDF


Cut = Callable[[bytes], Item]  # the one image of a body
CutMany = Callable[[bytes, Budget], Iterable[Item]]  # the images of a body, each read when it is asked for


class ImageRequest(NamedTuple):
    """One image, in a body that holds it somehow."""

    body: bytes
    cut: Cut
    item: Item | None = None
    """What is cut out of it, where that took less than a millisecond."""
    explain: bool = False
    trail: bool = False
    """Whether its way to the frame is to be shown."""
    layers: bool = False
    """Whether what the model's layers make of it is to be shown."""


class BatchRequest(NamedTuple):
    """Many images."""

    body: bytes
    cut: CutMany
    frames: Frames | None = None
    """uint8 [N, 28, 28], where they need no work at all."""
    is_quick: bool = False
    """Whether `cut` takes less than a millisecond for each of its items, whatever the body holds."""
    sent_bytes: int | None = None
    """Of the body as it was sent, where that was packed: by these its work is bounded."""
    all_or_none: bool = False
    """Whether the first image's error is the batch's, and ends it."""


class Limits(NamedTuple):
    """What the images of a request may be."""

    image_pixels: int
    batch_pixels: int


class How(NamedTuple):
    """How images become frames."""

    limits: Limits
    preparation: Preparation
    trail: bool = False
    """Whether the way is to be kept."""


def cut_by_lengths(body: bytes, _: Budget) -> Iterator[Item]:
    """Pictures with their lengths before them, as LENGTH has it."""
    at = 0
    while at < len(body):
        (length,) = LENGTH.unpack_from(body, at)
        at += LENGTH.size
        yield Item(body[at : at + length])
        at += length
