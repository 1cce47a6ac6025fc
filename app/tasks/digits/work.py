"""What is done with a request's body before the model and after it: bytes -> frames, scores -> numbers.

Each function is run by a process of the pool (`child`), or, where `see_here` proves it cheap, by the event loop itself.
Nothing here knows settings, models or transports, so that such a process stays small. `portions` does the same with
many images.
"""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import numpy as np
from PIL import Image

from app.budget import UNLIMITED, Budget, allowed_seconds
from app.errors import NoInk, ServiceError, TooMuchWork
from app.imaging.arrays import Grey
from app.imaging.decode import decode, decode_plain_png, is_plain_png, open_image
from app.imaging.normalise import Frame, normalise
from app.imaging.numbers import Number, find_numbers
from app.imaging.preparation import Preparation
from app.imaging.shrink import WORKING
from app.imaging.strips import StripShape
from app.imaging.trail import Trail
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.beam import NumberWeights, Scores
from app.tasks.digits.readings import Ranking, by_cutting, with_line
from app.tasks.digits.requests import Cut, How, Item
from app.tasks.lines.ctc import Columns
from app.tasks.lines.trust import Reader

HERE_SECONDS = 0.01  # of work that the event loop may be held up by, as estimated
HOP_SECONDS = 2e-3  # of work, for HTTP and for the way to a process and back
NOTHING = np.zeros((SIDE, SIDE), np.uint8)
Spent = dict[str, float]  # seconds by stage
Opened = Callable[[Image.Image], None]  # to be called with an image before it is decoded


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


class Unfinished(NamedTuple):
    """Work on an image that went up to so many seconds of its budget, and is to be done elsewhere."""

    seconds: float = 0.0


def see(body: bytes, cut: Cut, how: How, begun: Unfinished) -> Seen:
    """One image of any kind. What has been done of it in vain counts. Raises ServiceError."""
    spent: Spent = {}
    with _Spending(spent):
        budget = Budget(allowed_seconds(len(body)) - HOP_SECONDS - begun.seconds)
        return Seen(frame_of(cut(body), how, budget, spent), spent, budget)


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


def _bare(number: Number) -> Number:
    candidates = [candidate._replace(frame=NOTHING) for candidate in number.candidates]
    return number._replace(candidates=candidates, strip=number.strip and number.strip._replace(pixels=NOTHING))


def blank() -> NoInk:
    return NoInk("all 28x28 pixels are 0, the background; expected ink, up to 255")


def frame_of(item: Item, how: How, budget: Budget, spent: Spent, opened: Opened = lambda _: None) -> Frame:
    """What the model will see of an item without an error. Raises ServiceError, and what `opened` raises."""
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
