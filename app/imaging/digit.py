"""Which of the connected components are the digit; the others are specks, or something else."""

import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Ink
from app.imaging.boxes import box_around
from app.imaging.components import Component, Components
from app.imaging.picture import Picture, Stage

SMALL_PICTURE = 64  # pixels a side; in so small a picture a digit may well touch the border
SPECK = 6  # pixels a side
OFF_CENTRE, AT_BORDER, A_SPECK = 0.6, 0.4, 0.3  # what a component loses of its weight by being so

NEAR = 0.18  # of the digit's longer side: a gap within a digit, such as that of a broken 5
BESIDE, TALL = 0.1, 0.7  # what shares less of the width and is higher, in parts of the digit's own, is another digit
LONGEST = 1.2  # of the digit's longer side: what is longer is none of its parts
LEAST = 0.03  # of the digit's area: what has less is a speck

FIXED_SECONDS, PIXEL_SECONDS, COMPONENT_SECONDS = 0.05e-3, 1e-9, 6e-6


def digit_among(components: Components, ink: Ink) -> list[Component]:
    """Those that make up the digit: the heaviest, less what it lies off the middle or at the border, and those that are
    inside it or near it.
    """
    if len(components.found) == 1:
        return components.found
    small = max(ink.shape) <= SMALL_PICTURE
    main = int(_prominence(components, ink, small=small).argmax())
    waiting = _may_belong(components, main)
    if not small:
        waiting &= components.borders == 0
    x, y, w, h, _ = components.stats.T
    near = NEAR * components.found[main].box.side
    chosen, box = [components.found[main]], components.found[main].box
    while True:
        across = np.maximum(x - box.right, box.left - x - w).clip(0)
        down = np.maximum(y - box.bottom, box.top - y - h).clip(0)
        joined = waiting & (np.hypot(across, down) < near)
        if not joined.any():
            return chosen
        waiting &= ~joined
        more = [components.found[place] for place in np.flatnonzero(joined)]
        chosen += more
        box = box_around([box, *(component.box for component in more)])


def _prominence(components: Components, ink: Ink, *, small: bool) -> NDArray[np.float64]:
    height, width = ink.shape
    x, y, w, h = components.stats.T[:4]
    off_centre = np.hypot((x + w / 2 - width / 2) / width, (y + h / 2 - height / 2) / height)
    prominence: NDArray[np.float64] = components.weights(ink) * (1 - OFF_CENTRE * off_centre)
    if small:
        return prominence
    prominence *= AT_BORDER**components.borders
    prominence[np.maximum(w, h) < SPECK] *= A_SPECK
    return prominence


def _may_belong(components: Components, main: int) -> NDArray[np.bool_]:
    """To a digit of which that is the main one, if it is near enough, [N]."""
    x, _, w, h, area = components.stats.T
    main_x, _, main_w, main_h, main_area = components.stats[main].tolist()
    shared = np.minimum(x + w, main_x + main_w) - np.maximum(x, main_x)
    beside = (shared < BESIDE * np.minimum(w, main_w)) & (h > TALL * main_h)  # the next digit
    small = np.maximum(w, h) < LONGEST * max(main_w, main_h)
    may: NDArray[np.bool_] = small & ~beside & (area > LEAST * main_area)
    may[main] = False
    return may


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + PIXEL_SECONDS * picture.area + COMPONENT_SECONDS * len(picture.components.names)


def _run(picture: Picture) -> None:
    picture.digit = digit_among(picture.components, picture.ink)
    picture.digit_mask = picture.components.mask(picture.digit)
    picture.box = box_around([component.box for component in picture.digit])
    if len(picture.digit) < len(picture.components.names):
        picture.steps += ("remove specks",)


DIGIT = Stage("choosing the digit among what is written", _seconds, _run)
