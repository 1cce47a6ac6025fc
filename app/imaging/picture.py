"""The one state that all stages of imaging work on, and what a stage is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.budget import Budget
from app.imaging.arrays import Grey, Ink, Mask, Pixels
from app.imaging.boxes import Box
from app.imaging.components import Component, Components
from app.imaging.lines import Line
from app.imaging.preparation import Preparation
from app.imaging.verdicts import Judgement


class Shades(NamedTuple):
    """What is ink and what is paper, at a first glance."""

    threshold: int
    """Separates both best."""
    dark: int
    bright: int
    """The median of either side."""
    flat: bool
    """Whether the larger side is all of one shade, as in drawings and in scans."""
    unsure: bool = False
    """Whether it is not, but is taken for so, as too few pixels tell light from ink."""


class Separated(NamedTuple):
    """What is ink, as decided pixel by pixel."""

    mask: Mask
    least: float
    """Ink of which there is less is none."""
    typical: float
    """The median of what is."""


class Piece(NamedTuple):
    """A part of a number that a cut may have parted from the next, in pixels that may be coarser than the picture's."""

    left: int
    top: int
    soft: Ink
    cut: float
    """How much ink lies on the seam at its left, as a share of the digits' height; negative where it stands apart."""


class Candidate(NamedTuple):
    """Pieces from `first` up to, not including, `end`, taken for one digit."""

    first: int
    end: int
    box: Box
    frame: Grey


class Glimpse(NamedTuple):
    """What one stage left."""

    stage: str
    """Its name."""
    png: bytes | None
    """None where it left the picture as it had been."""


class Trail(Protocol):
    """What the stages have left so far, kept for people to look at."""

    @property
    def glimpses(self) -> tuple[Glimpse, ...]: ...

    def after(self, stage: "Stage", picture: "Picture") -> "Trail":
        """With what this one left. Raises TooMuchWork."""


@dataclass(slots=True, repr=False, eq=False)
class Picture:
    """A picture, what it is to become, and what the stages have found in it, each by the name of its stage's module.

    What no stage has found yet is not there.
    """

    pixels: Pixels
    preparation: Preparation
    budget: Budget
    steps: tuple[str, ...] = ()
    """What was done that its sender may want to know."""
    trail: Trail | None = None
    """Where somebody wants to see the way."""

    grey: Grey = field(init=False)  # channel
    channel: str = field(init=False)
    """The name of the colour that `grey` is, or "" where it is the brightness."""
    shades: Shades = field(init=False)  # shades
    is_ink_dark: bool = field(init=False)  # polarity
    ink: Ink = field(init=False)  # light, or colour
    separated: Separated = field(init=False)  # separate
    """Of all the ink, printed lines included."""
    lines: list[Line] = field(init=False)  # printed
    mask: Mask = field(init=False)  # removal
    """Where ink is that is no line's."""
    components: Components = field(init=False)  # connect, largest, remains, height
    soft: Ink = field(init=False)  # soften, crop
    """0 to 1, with smooth edges, and 0 where a line was removed."""

    digit: list[Component] = field(init=False)  # digit
    """The main one first."""
    digit_mask: Mask = field(init=False)
    box: Box = field(init=False)
    believed: float | None = field(init=False)  # doubt
    """What energy makes a digit of ink that may be the paper's grain or a shadow; None of ink that cannot be."""
    share: float = field(init=False)
    """Of all the ink that is no line's, the digit's."""
    judgement: Judgement = field(init=False)  # judge
    boxed: Ink = field(init=False)  # fit
    """0 to 255, as large as a digit is in a frame."""
    frame: Grey = field(init=False)  # centre

    height: float = field(init=False)  # height
    """Of a number's digits, in pixels."""
    rows: list[list[Component]] = field(init=False)  # rows
    levels: list[int] = field(init=False)  # rows
    """Of each row, on which of the lines it stands, from above."""
    pieces: list[list[Piece]] = field(init=False)  # pieces
    coarser: int = field(init=False)  # pieces
    """A piece's pixel is so many of the picture's a side."""
    candidates: list[list[Candidate]] = field(init=False)  # candidates

    @property
    def area(self) -> int:
        """Pixels."""
        height, width = self.pixels.shape[:2]
        return int(height * width)

    def before_ink(self) -> "Picture":
        """The same with nothing found but what is paper, so that ink may be looked for in another way."""
        other = Picture(self.pixels, self.preparation, self.budget, self.steps, self.trail)
        other.grey, other.channel = self.grey, self.channel
        other.shades, other.is_ink_dark = self.shades, self.is_ink_dark
        return other


class Stage(NamedTuple):
    """It depends on the picture alone and changes nothing else."""

    name: str
    """What it does, in a caller's words: a refusal says that this would take too long."""
    seconds: Callable[[Picture], float]
    """What it is about to cost at most, of one core of an ordinary server. What is known only while it runs, it charges
    to the picture's budget itself."""
    run: Callable[[Picture], None]


def run(stages: Iterable[Stage], picture: Picture) -> None:
    """One after the other. Raises TooMuchWork before what would cost more than is left, and what the stages raise."""
    charge = picture.budget.charge
    for stage in stages:
        charge(stage.seconds(picture), stage.name)
        stage.run(picture)
        if picture.trail is not None:
            picture.trail = picture.trail.after(stage, picture)


def by_area(fixed: float, pixel: float) -> Callable[[Picture], float]:
    """What costs `fixed` seconds, and `pixel` seconds for each pixel."""
    return lambda picture: fixed + pixel * picture.area
