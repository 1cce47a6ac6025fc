"""The way of a picture to its frame, for people to look at: a small picture of what each stage left."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from app.budget import UNLIMITED, Budget
from app.imaging.arrays import Ink, Mask, Pixels
from app.imaging.centre import CENTRE
from app.imaging.channel import CHANNEL
from app.imaging.colour import COLOUR
from app.imaging.connect import CONNECT
from app.imaging.crop import CROP
from app.imaging.digit import DIGIT
from app.imaging.enlarge import ENLARGE
from app.imaging.fit import FIT
from app.imaging.largest import KEEP_LARGEST
from app.imaging.light import LIGHT, LIGHT_ON_NARROW_STROKES
from app.imaging.lines import whole
from app.imaging.mend import BRIDGE_GAPS, TAKE_PARTS
from app.imaging.picture import Glimpse, Picture, Stage
from app.imaging.polarity import POLARITY
from app.imaging.printed import FIND_LINES
from app.imaging.remains import REMOVE_REMAINS
from app.imaging.removal import REMOVE_LINES
from app.imaging.separate import SEPARATE
from app.imaging.shades import TWO_SHADES
from app.imaging.sheet import PAINT_AROUND
from app.imaging.shrink import SHRINK, shrink
from app.imaging.soften import SOFTEN

SIDE = 160  # pixels of the longer side at most
BEGIN = "decoding the picture"
FIXED_SECONDS, PIXEL_SECONDS = 0.5e-3, 4e-9  # of work, for one of them
COLOURS = np.array(
    [[0, 0, 0], [238, 102, 119], [102, 204, 238], [204, 187, 68], [34, 170, 90], [170, 51, 119]], np.uint8
)
LINE, BOX = (255, 90, 90), (255, 210, 60)  # red, green, blue
DIMMER = 3  # times, is what is not chosen
NOT_ZERO = 1e-6  # of ink, where there is none


def of_ink(ink: Ink) -> Pixels:
    """The most is white."""
    shown: Pixels = cv2.convertScaleAbs(ink, alpha=255 / max(float(ink.max()), NOT_ZERO))  # a tenth of NumPy's time
    return shown


def of_mask(mask: Mask) -> Pixels:
    return mask * np.uint8(255)


def of_two_shades(picture: Picture) -> Pixels:
    return of_mask((picture.grey > picture.shades.threshold).astype(np.uint8))


def of_polarity(picture: Picture) -> Pixels:
    """Ink is bright, as in the frame."""
    return 255 - picture.grey if picture.is_ink_dark else picture.grey


def of_lines(picture: Picture) -> Pixels:
    shown = of_mask(picture.separated.mask)
    if not picture.lines:
        return shown
    coloured: Pixels = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB)
    for line in picture.lines:
        cv2.line(coloured, whole(line.start), whole(line.end), LINE, max(2, round(line.width)))
    return coloured


def of_parts(picture: Picture) -> Pixels:
    """Each in a colour; those that have been dropped are not seen."""
    components = picture.components
    step = max(1, max(components.labels.shape) // SIDE)
    labels = components.labels[::step, ::step]
    colours = np.zeros(max(int(labels.max()), int(components.names.max())) + 1, np.intp)
    colours[components.names] = 1 + np.arange(len(components.names)) % (len(COLOURS) - 1)
    shown: Pixels = COLOURS[colours[labels]]
    return shown


def of_digit(picture: Picture) -> Pixels:
    """In its box; what is not of it is dim."""
    ink = of_ink(picture.soft)
    ink[picture.digit_mask == 0] //= DIMMER
    shown = cv2.cvtColor(ink, cv2.COLOR_GRAY2RGB)
    left, top, right, bottom = picture.box
    thick = max(1, max(shown.shape) // SIDE)
    boxed: Pixels = cv2.rectangle(shown, (left, top), (right - 1, bottom - 1), BOX, thick)
    return boxed


VIEWS: dict[Stage, Callable[[Picture], Pixels]] = {
    SHRINK: lambda picture: picture.pixels,
    PAINT_AROUND: lambda picture: picture.pixels,
    CHANNEL: lambda picture: picture.grey,
    ENLARGE: lambda picture: picture.grey,
    TWO_SHADES: of_two_shades,
    POLARITY: of_polarity,
    LIGHT: lambda picture: of_ink(picture.ink),
    LIGHT_ON_NARROW_STROKES: lambda picture: of_ink(picture.ink),
    COLOUR: lambda picture: of_ink(picture.ink),
    SEPARATE: lambda picture: of_mask(picture.separated.mask),
    FIND_LINES: of_lines,
    REMOVE_LINES: lambda picture: of_mask(picture.mask),
    CONNECT: of_parts,
    KEEP_LARGEST: of_parts,
    REMOVE_REMAINS: of_parts,
    SOFTEN: lambda picture: of_ink(picture.soft),
    DIGIT: of_digit,
    TAKE_PARTS: of_digit,
    CROP: lambda picture: of_ink(picture.soft),
    BRIDGE_GAPS: lambda picture: of_ink(picture.soft),
    FIT: lambda picture: np.rint(picture.boxed).astype(np.uint8),
    CENTRE: lambda picture: picture.frame,
}
"""Of the stages that change what is there; the others judge it."""


@dataclass(frozen=True)
class Trail:
    """It grows with the picture that holds it, and branches where that is copied."""

    glimpses: tuple[Glimpse, ...] = ()
    last: Pixels | None = None
    """The last picture that differed from the one before it."""

    @staticmethod
    def begin(pixels: Pixels, budget: Budget = UNLIMITED) -> "Trail":
        """With the picture itself. Raises TooMuchWork."""
        return Trail().with_one(BEGIN, pixels, budget)

    def after(self, stage: Stage, picture: Picture) -> "Trail":
        """With what the stage left. Raises TooMuchWork."""
        view = VIEWS.get(stage)
        return self if view is None else self.with_one(stage.name, view(picture), picture.budget)

    def with_one(self, name: str, pixels: Pixels, budget: Budget) -> "Trail":
        """Raises TooMuchWork."""
        budget.charge(FIXED_SECONDS + PIXEL_SECONDS * pixels.size, "drawing what each stage made of the picture")
        small = shrink(pixels, SIDE)
        last = self.last
        if last is not None and np.array_equal(small, last):
            return replace(self, glimpses=(*self.glimpses, Glimpse(name, None)))
        file = io.BytesIO()
        Image.fromarray(small).save(file, "PNG", compress_level=1)
        return Trail((*self.glimpses, Glimpse(name, file.getvalue())), small)
