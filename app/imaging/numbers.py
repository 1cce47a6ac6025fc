"""Whole numbers: where they stand in a picture, and how they may be cut into digits.

A number is cut more often than it has digits; every run of neighbouring pieces that is not too wide may be a digit. The
model scores all of them in one batch, and `beam_search` finds the best way through them.
"""

from typing import NamedTuple

from app.budget import UNLIMITED, Budget
from app.imaging.arrays import Pixels
from app.imaging.candidates import FIND_CANDIDATES
from app.imaging.channel import CHANNEL
from app.imaging.connect import CONNECT
from app.imaging.height import FIND_HEIGHT
from app.imaging.level import FIND_LEVEL_LINES
from app.imaging.light import LIGHT
from app.imaging.picture import Candidate, Picture, run
from app.imaging.pieces import CUT
from app.imaging.polarity import POLARITY
from app.imaging.preparation import Preparation
from app.imaging.printed import FIND_LINES
from app.imaging.remains import REMOVE_REMAINS
from app.imaging.removal import REMOVE_LINES
from app.imaging.rows import FIND_ROWS
from app.imaging.separate import SEPARATE
from app.imaging.shades import TWO_SHADES
from app.imaging.sheet import PAINT_AROUND
from app.imaging.soften import SOFTEN
from app.imaging.strips import Strip, StripShape, strips_of

FINDING_INK = (PAINT_AROUND, CHANNEL, TWO_SHADES, POLARITY, LIGHT)
FINDING_WRITING = (SEPARATE, FIND_LINES, FIND_LEVEL_LINES, REMOVE_LINES, CONNECT, REMOVE_REMAINS, SOFTEN)
FINDING_DIGITS = (FIND_HEIGHT, FIND_ROWS, CUT, FIND_CANDIDATES)


class Number(NamedTuple):
    """What stands in one row, close together."""

    cuts: list[float]
    """How much ink is cut where each piece begins, as Piece has it."""
    height: float
    """Of its digits, in pixels."""
    candidates: list[Candidate]
    line: int
    """On which of the picture's lines it stands, from above."""
    strip: Strip | None = None
    """What a line reader sees of it, where one is to, and it is not too long."""


def find_numbers(
    pixels: Pixels, preparation: Preparation, budget: Budget = UNLIMITED, shape: StripShape | None = None
) -> list[Number]:
    """Every number in the picture, from top to bottom and left to right; with strips of a `shape` if there is one.

    Raises NoInk, Undecodable, TooMuchWork.
    """
    picture = Picture(pixels, preparation, budget)
    run((*FINDING_INK, *FINDING_WRITING, *FINDING_DIGITS), picture)
    strips = strips_of(picture, shape) if shape else [None] * len(picture.rows)
    found = zip(picture.pieces, picture.candidates, picture.levels, strips, strict=True)
    return [
        Number([piece.cut for piece in pieces], picture.height, candidates, line, strip)
        for pieces, candidates, line, strip in found
        if candidates
    ]
