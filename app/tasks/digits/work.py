"""What is done with a request's body before the model and after it: bytes -> frames, scores -> numbers.

Each function is run by a process of the pool (`child`), or, where `see_here` proves it cheap, by the event loop itself.
Nothing here knows settings, models or transports, so that such a process stays small. How a body is cut into items is
the business of whoever received it, who says so by a function, `Cut`.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import numpy as np
from PIL import Image

from app.budget import UNLIMITED, Budget, allowed_seconds
from app.errors import BatchTooLarge, NoInk, ServiceError, TooMuchWork
from app.imaging.arrays import Grey
from app.imaging.decode import decode, decode_plain_png, is_plain_png, open_image, pixels_of
from app.imaging.normalise import Frame, normalise
from app.imaging.numbers import Number, find_numbers
from app.imaging.preparation import Preparation
from app.imaging.shrink import WORKING
from app.imaging.strips import StripShape
from app.imaging.trail import Trail
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.beam import NumberWeights, Scores
from app.tasks.digits.readings import Ranking, by_cutting, with_line
from app.tasks.lines.ctc import Columns
from app.tasks.lines.trust import Reader

HERE_SECONDS = 0.01  # of work that the event loop may be held up by, as estimated
HOP_SECONDS = 2e-3  # of work, for HTTP and for the way to a process and back
STEP_SECONDS = 0.03  # of a batch, after which another request's turn comes
LENGTH = struct.Struct("<I")
NOTHING = np.zeros((SIDE, SIDE), np.uint8)
Spent = dict[str, float]  # seconds by stage
Opened = Callable[[Image.Image], None]  # to be called with an image before it is decoded


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


class Seen(NamedTuple):
    """What the model will see of one image, how long that took to make, and what is left of the request's budget."""

    frame: Frame
    spent: Spent
    budget: Budget = UNLIMITED
    """Of what came as pixels: those weigh more than all that is done with them."""


class FoundNumbers(NamedTuple):
    """The numbers in one picture, without their candidates' frames and their strips, and those: uint8 [N, 28, 28], and
    one for each number; and how many of the picture's pixels are one of those that boxes are counted in.
    """

    numbers: list[Number]
    frames: Frames
    strips: list[Grey | None]
    scale: float
    spent: Spent
    pages: int | None = None
    """Of the PDF of which this picture is a page."""

    @property
    def inputs(self) -> tuple[Frames]:
        return (self.frames,)

    @property
    def rows(self) -> int:
        return len(self.frames)

    @property
    def images(self) -> int:
        return max(1, len(self.frames))


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


def cut_by_lengths(body: bytes, _: Budget) -> Iterator[Item]:
    """Pictures with their lengths before them, as LENGTH has it."""
    at = 0
    while at < len(body):
        (length,) = LENGTH.unpack_from(body, at)
        at += LENGTH.size
        yield Item(body[at : at + length])
        at += length


class Forgotten(Exception):
    """Another process than the one that began this batch was asked to go on with it."""


class Unfinished(NamedTuple):
    """Work on an image that went up to so many seconds of its budget, and is to be done elsewhere."""

    seconds: float = 0.0


def see(body: bytes, cut: Cut, how: How, begun: Unfinished) -> Seen:
    """One image of any kind. What has been done of it in vain counts. Raises ServiceError."""
    spent: Spent = {}
    with _Spending(spent):
        budget = Budget(allowed_seconds(len(body)) - HOP_SECONDS - begun.seconds)
        return Seen(_frame_of(cut(body), how, budget, spent), spent, budget)


def see_here(item: Item, body_bytes: int, preparation: Preparation) -> Seen | Unfinished:
    """The same of what is cut out of a body of so many bytes, where it is proven to take a few milliseconds at most."""
    if item.frame is not None:
        return Seen(_given(item.frame), {})
    if item.media_type not in {None, "image/png"} or not is_plain_png(item.image or b""):
        return Unfinished()
    spent: Spent = {}
    allowed = allowed_seconds(body_bytes)
    budget = Budget(min(allowed, HERE_SECONDS))
    try:
        with _Spending(spent):
            with _Timed(spent, "decode"):
                pixels = decode_plain_png(item.image or b"", WORKING, budget)
            with _Timed(spent, "normalise"):
                frame = normalise(pixels, preparation, budget)
    except TooMuchWork:
        begun = budget.whole - budget.left
        if begun + HOP_SECONDS + begun + budget.refused > allowed:  # nor could a process get so far
            raise
        return Unfinished(begun)
    budget.left += allowed - budget.whole
    return Seen(frame, spent, budget)


def find(body: bytes, cut: Cut, how: How, shape: StripShape | None) -> FoundNumbers:
    """Where numbers stand in one image, and all the ways in which they may be cut; with strips of a shape, if there is
    one. Raises ServiceError.
    """
    spent: Spent = {}
    with _Spending(spent):
        budget = Budget(allowed_seconds(len(body)) - HOP_SECONDS)
        item = cut(body)
        with _Timed(spent, "decode"):
            pixels, scale, pages = item.frame, 1.0, None
            if item.image is not None:
                opened = _opened(item, item.image, how, budget)
                longer, pages = max(opened.size), opened.info.get("pages")
                pixels = decode(opened, budget=budget)
                scale = longer / max(pixels.shape[:2])
        assert pixels is not None
        with _Timed(spent, "normalise"):
            numbers = find_numbers(pixels, how.preparation, budget, shape)
    frames = [candidate.frame for number in numbers for candidate in number.candidates]
    strips = [number.strip and number.strip.pixels for number in numbers]
    bare = [_bare(number) for number in numbers]
    return FoundNumbers(bare, np.stack([*frames, NOTHING])[:-1], strips, scale, spent, pages)


def rank(
    _: bytes,
    numbers: list[Number],
    scores: Scores,
    weights: NumberWeights,
    best: int,
    columns: list[Columns | None],
    reader: Reader | None,
) -> list[Ranking | None]:
    """What each number says, by the scores of its candidates, float32 [N, 11], and by a line reader's columns where
    there are some; None where it is none.
    """
    found: list[Ranking | None] = []
    start = 0
    for number, seen in zip(numbers, columns, strict=True):
        own = scores[start : start + len(number.candidates)]
        start += len(number.candidates)
        if seen is None or reader is None:
            found.append(by_cutting(number, own, weights, best))
        else:
            found.append(with_line(number, own, weights, best, seen, reader))
    return found


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
            frame = _frame_of(item, self._how, self._budget, portion.spent, self._count)
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


def _bare(number: Number) -> Number:
    candidates = [candidate._replace(frame=NOTHING) for candidate in number.candidates]
    return number._replace(candidates=candidates, strip=number.strip and number.strip._replace(pixels=NOTHING))


def _without_pixels(frame: Frame) -> Frame:
    return frame._replace(pixels=NOTHING, others=tuple(other._replace(pixels=NOTHING) for other in frame.others))


def blank() -> NoInk:
    return NoInk("all 28x28 pixels are 0, the background; expected ink, up to 255")


def _frame_of(item: Item, how: How, budget: Budget, spent: Spent, opened: Opened = lambda _: None) -> Frame:
    if item.frame is not None:
        return _given(item.frame)
    assert item.image is not None
    with _Timed(spent, "decode"):
        image = _opened(item, item.image, how, budget)
        opened(image)
        pixels = decode(image, WORKING, budget)
    with _Timed(spent, "normalise"):
        trail = Trail.begin(pixels, budget) if how.trail else None
        return normalise(pixels, how.preparation, budget, trail)


def _opened(item: Item, image: bytes, how: How, budget: Budget) -> Image.Image:
    return open_image(image, item.media_type, max_pixels=how.limits.image_pixels, budget=budget, page=item.page)


def _given(frame: Frames) -> Frame:
    if not np.count_nonzero(frame):  # several times faster than any()
        raise blank()
    return Frame(frame, ())


class _Timed:
    """Counts how long its block takes as time spent in a stage. Not by contextlib, which takes some microseconds."""

    __slots__ = ("_spent", "_stage", "_started")

    def __init__(self, spent: Spent, stage: str) -> None:
        self._spent = spent
        self._stage = stage

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._stage] = self._spent.get(self._stage, 0.0) + perf_counter() - self._started


class _Spending:
    """An error tells as well how long it took to find out."""

    __slots__ = ("_spent",)

    def __init__(self, spent: Spent) -> None:
        self._spent = spent

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ServiceError):
            error.spent = self._spent
