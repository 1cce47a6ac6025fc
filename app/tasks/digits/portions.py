"""Many images of one request: bytes -> frames, some at a time, so that other requests' images come in between.

Each function is run by a process of the pool, as those of `work` are.
"""

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from PIL import Image

from app.budget import Budget, allowed_seconds
from app.errors import BatchTooLarge, ServiceError
from app.imaging.decode import pixels_of
from app.imaging.normalise import Frame
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.requests import BatchRequest, How, Item
from app.tasks.digits.work import HOP_SECONDS, NOTHING, Spent, frame_of

STEP_SECONDS = 0.03  # of a batch, after which another request's turn comes


@dataclass
class Portion:
    """Consecutive items of a batch; the dictionaries are keyed by place in the whole batch."""

    count: int = 0
    frames: Frames = field(
        default_factory=lambda: np.empty((0, SIDE, SIDE), np.uint8)
    )  # uint8 [count - len(errors), 28, 28]
    others: Frames = field(default_factory=lambda: np.empty((0, SIDE, SIDE), np.uint8))
    """uint8 [M, 28, 28]: what else the items may be, one after the other."""
    errors: dict[int, ServiceError] = field(default_factory=dict)
    made: dict[int, Frame] = field(default_factory=dict)
    """The frames that were made of images, as those that came as pixels were not."""
    names: dict[int, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=dict)
    is_last: bool = False


class Forgotten(Exception):
    """Another process than the one that began this batch was asked to go on with it."""


class Begun:
    """A batch that has been begun."""

    def __init__(self, request: BatchRequest, how: How) -> None:
        self.place = 0
        self._how = how
        self._all_or_none = request.all_or_none
        size = len(request.body) if request.sent_bytes is None else request.sent_bytes
        self._budget = Budget(allowed_seconds(size, many=True) - HOP_SECONDS)
        self._items = iter(request.cut(request.body, self._budget))
        self._pixels = 0

    def skip(self, items: int) -> None:
        while self.place < items and next(self._items, None) is not None:
            self.place += 1

    def step(self, seconds: float) -> Portion:
        """As many of the next items as take so many seconds, one at least. Raises ServiceError."""
        portion, frames, others, started = Portion(is_last=True), list[Frames](), list[Frames](), perf_counter()
        for item in self._items:
            self._see(item, portion, frames, others)
            portion.count += 1
            self.place += 1
            if perf_counter() - started > seconds:
                portion.is_last = False
                break
        portion.frames, portion.others = np.stack([*frames, NOTHING])[:-1], np.stack([*others, NOTHING])[:-1]
        return portion

    def _see(self, item: Item, portion: Portion, frames: list[Frames], others: list[Frames]) -> None:
        if item.name is not None:
            portion.names[self.place] = item.name
        try:
            if item.error is not None:
                raise item.error
            frame = frame_of(item, self._how, self._budget, portion.spent, self._count)
        except BatchTooLarge:
            raise
        except ServiceError as error:
            if self._all_or_none:
                raise type(error)(f"picture {self.place}: {error.detail}") from error
            portion.errors[self.place] = error.bare()
            return
        frames.append(frame.pixels)
        if frame.steps:
            others += [other.pixels for other in frame.others]
            portion.made[self.place] = _without_pixels(frame)  # they are among the portion's frames

    def _count(self, image: Image.Image) -> None:
        self._pixels += pixels_of(image)
        if self._pixels > self._how.limits.batch_pixels:
            raise BatchTooLarge(
                f"the batch's images hold more than {self._how.limits.batch_pixels:,} pixels together, which is what "
                "is decoded for one request. Send fewer at a time, or smaller ones."
            )


_begun: dict[int, Begun] = {}  # by the number that their requests gave them


def begin_batch(body: bytes, number: int, request: BatchRequest, how: How, done: int) -> Portion:
    """Take a batch apart, of which the first `done` items are not wanted. Gives the next. Raises ServiceError.

    Its body comes beside it.
    """
    _begun[number] = Begun(request._replace(body=body), how)
    return _stepped(number, done)


def go_on(_: bytes, number: int) -> Portion:
    """The next items of a batch, which is forgotten after its last, or an error. Raises Forgotten, ServiceError."""
    if number not in _begun:
        raise Forgotten
    return _stepped(number, _begun[number].place)


def _stepped(number: int, done: int) -> Portion:
    portion = Portion(is_last=True)
    try:
        _begun[number].skip(done)
        portion = _begun[number].step(STEP_SECONDS)
    finally:
        if portion.is_last:
            forget(b"", number)
    return portion


def forget(_: bytes, number: int) -> None:
    """Nobody waits for this batch any more."""
    _begun.pop(number, None)


def _without_pixels(frame: Frame) -> Frame:
    return frame._replace(pixels=NOTHING, others=tuple(other._replace(pixels=NOTHING) for other in frame.others))
