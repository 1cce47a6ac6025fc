"""A picture of one digit -> the frame that the model was trained on, as MNIST was made.

Source of the last steps: LeCun, Cortes, Burges, "The MNIST database": fit into a 20x20 box keeping the aspect ratio,
then shift the centre of mass to the middle of 28x28.
"""

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

import numpy as np

from app.budget import UNLIMITED, Budget
from app.errors import NoInk, TooMuchWork
from app.imaging.arrays import Grey, Pixels
from app.imaging.centre import CENTRE
from app.imaging.channel import CHANNEL
from app.imaging.colour import COLOUR
from app.imaging.connect import CONNECT
from app.imaging.crop import CROP
from app.imaging.digit import DIGIT
from app.imaging.doubt import DOUBT
from app.imaging.enlarge import ENLARGE
from app.imaging.fit import FIT
from app.imaging.judge import JUDGE
from app.imaging.largest import KEEP_LARGEST
from app.imaging.light import LIGHT, LIGHT_ON_NARROW_STROKES
from app.imaging.mend import BRIDGE_GAPS, TAKE_PARTS, is_broken
from app.imaging.picture import Glimpse, Picture, Stage, Trail, run
from app.imaging.polarity import POLARITY
from app.imaging.preparation import Preparation
from app.imaging.printed import FIND_LINES
from app.imaging.remains import REMOVE_REMAINS
from app.imaging.removal import REMOVE_LINES
from app.imaging.separate import SEPARATE
from app.imaging.shades import TWO_SHADES
from app.imaging.sheet import PAINT_AROUND
from app.imaging.shrink import SHRINK
from app.imaging.soften import SOFTEN
from app.imaging.verdicts import NO_INK, Judgement

FINDING_PAPER = (SHRINK, PAINT_AROUND, CHANNEL, TWO_SHADES, POLARITY)
FINDING_DIGIT = (SEPARATE, FIND_LINES, REMOVE_LINES, CONNECT, KEEP_LARGEST, REMOVE_REMAINS, SOFTEN, DIGIT, DOUBT)
MAKING_FRAME = (JUDGE, CROP, FIT, CENTRE)
MENDING = (TAKE_PARTS, JUDGE, CROP, BRIDGE_GAPS, FIT, CENTRE)
LOOK, LOOK_FOR_NARROW_STROKES, LOOK_AT_COLOUR = (
    (ink, *FINDING_DIGIT) for ink in (LIGHT, LIGHT_ON_NARROW_STROKES, COLOUR)
)

LEAST_SHARE = 0.25  # of all ink: what has less in a second look is grain
NEAR_BLACK = bytes(range(32))  # MNIST's background is 0 all over; a dark sheet of paper is not


class Frame(NamedTuple):
    """What the model sees: uint8 [side, side], the names of the steps that made it, and what may be wrong with it."""

    pixels: Grey
    steps: tuple[str, ...]
    judgement: Judgement = Judgement()
    others: tuple["Frame", ...] = ()
    """What else it may be, where imaging is unsure: three frames at most, among which the model is to choose."""
    disputed: bool = False
    """Whether the model has chosen it among others, not all of which are of the same digit."""
    glimpses: tuple[Glimpse, ...] = ()
    """The way to it, where that was asked for."""


def normalise(
    pixels: Pixels, preparation: Preparation, budget: Budget = UNLIMITED, trail: Trail | None = None
) -> Frame:
    """uint8 [H, W] or [H, W, 3] -> Frame. Raises NoInk where nothing stands out from the paper, TooMuchWork.

    `trail` is where the way is kept, if it is to be.
    """
    if is_frame(pixels, preparation.side):
        if not np.count_nonzero(pixels):
            raise NoInk("the frame is all 0, the background; expected ink, up to 255")
        return Frame(pixels, ("untouched",), glimpses=_seen(trail))
    paper = Picture(pixels, preparation, budget, trail=trail)
    run(FINDING_PAPER, paper)
    best = _best_look(paper)
    if best is None:
        raise NoInk(NO_INK)
    broken = copy(best) if is_broken(best) else None
    frame = _framed(best, MAKING_FRAME)
    if broken is None and not paper.shades.unsure:
        return frame
    return frame._replace(others=tuple(_other_frames(paper, broken)))


def is_frame(pixels: Pixels, side: int) -> bool:
    """`side` pixels square with a border that is mostly black: taken for a frame that is ready."""
    if pixels.shape != (side, side):
        return False
    grey = pixels.tobytes()  # for so few, bytes are quicker than arrays
    border = grey[:side] + grey[-side:] + grey[side:-side:side] + grey[2 * side - 1 : -side : side]
    return 2 * len(border.translate(None, delete=NEAR_BLACK)) < len(border)


def _framed(picture: Picture, stages: tuple[Stage, ...]) -> Frame:
    """Raises TooMuchWork."""
    run(stages, picture)
    return Frame(picture.frame, picture.steps, picture.judgement, glimpses=_seen(picture.trail))


def _seen(trail: Trail | None) -> tuple[Glimpse, ...]:
    return () if trail is None else trail.glimpses


def _other_frames(paper: Picture, broken: Picture | None) -> Iterator[Frame]:
    """A digit in parts taken whole; a small picture looked at in even light, and its digit taken whole, too.

    As far as the budget reaches: without them the picture is read as well as any that nothing is unsure of.
    """
    try:
        if broken is not None:
            yield _framed(broken, MENDING)
        if not paper.shades.unsure:
            return
        large = paper.before_ink()
        run((ENLARGE, TWO_SHADES, POLARITY), large)
        if (other := _look(large, LOOK)) is None:
            return
        broken = copy(other) if is_broken(other) else None
        yield _framed(other, MAKING_FRAME)
        if broken is not None:
            yield _framed(broken, MENDING)
    except TooMuchWork:
        return


def _best_look(paper: Picture) -> Picture | None:
    """Look at faint ink in other ways, too, and take the one in which most speaks for a digit."""
    best = _look(paper, LOOK)
    if best is not None and best.believed is None:
        return best
    for other in _other_looks(paper):
        if other is None or other.believed is None or other.share < LEAST_SHARE:
            continue
        if best is None or best.believed is None or other.believed > best.believed:
            best = other
    return best


def _other_looks(paper: Picture) -> Iterator[Picture | None]:
    if not paper.shades.flat:  # else there are no shadows, and the first look was as narrow
        yield _look(paper, LOOK_FOR_NARROW_STROKES)
    if paper.pixels.ndim == 3:
        yield _look(paper, LOOK_AT_COLOUR)


def _look(paper: Picture, stages: tuple[Stage, ...]) -> Picture | None:
    """A digit that is found so. Raises TooMuchWork."""
    picture = paper.before_ink()
    try:
        run(stages, picture)
    except NoInk:
        return None
    return picture
