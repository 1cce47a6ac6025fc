"""Lines of numbers as people write them, with what is left around them on forms and cheques."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import Box
from training.hands.parallel import spread
from training.hands.pens import soaked, trace
from training.lines import clutter as left
from training.lines import texts
from training.lines.glyphs import HEIGHT as HEIGHT
from training.lines.glyphs import INK, Canvas, Random
from training.lines.hands import Hand, Hands
from training.lines.joining import joint
from training.lines.layout import Placed, laid, manner

KINDS = ("plain", "touching", "separated", "joined", "sloppy")
MARGIN = HEIGHT * 3 // 4  # pixels around the writing
CHUNK = 1_000  # lines in one go of a process


class Line(NamedTuple):
    """A number on paper."""

    ink: NDArray[np.float32]
    """[H, W], 0 paper to 1 ink, with paper of at least half of HEIGHT around the writing."""
    raw: str
    """What is written, with separators: "$1,250.00"."""
    box: Box
    """Of the characters' ink, in pixels of `ink`."""
    kind: str

    @property
    def text(self) -> str:
        """The digits alone."""
        return "".join(filter(str.isdigit, self.raw))


def draw_lines(hands: Hands, count: int, seed: int, *, clutter: float = 0.5) -> list[Line]:
    """`count` of them, in as many processes as there are cores; the same ones for the same seed."""
    jobs = [(hands, min(CHUNK, count - start), (seed, start), clutter) for start in range(0, count, CHUNK)]
    return [line for some in spread(compose_some, jobs, "composing lines") for line in some]


def compose_some(hands: Hands, count: int, seed: tuple[int, ...], clutter: float) -> list[Line]:
    """As `draw_lines`, in this process."""
    random = np.random.default_rng(seed)
    return [compose(hands.draw(random), random, clutter=clutter) for _ in range(count)]


def compose(
    hand: Hand, random: Random, *, kind: str | None = None, length: int | None = None, clutter: float = 0.5
) -> Line:
    """One line of that kind with so many digits, or of any; `clutter` is how likely something is left around it."""
    kind = kind or str(random.choice(KINDS))
    length = length or texts.any_length(random)
    if kind == "separated":
        raw, written_as = texts.separated(length, random), str(random.choice(["plain", "touching", "joined", "sloppy"]))
    else:
        raw, written_as = texts.digits(length, random, zeros=0.7 if kind == "joined" else texts.ZEROS), kind
    placed = laid(raw, hand, manner(written_as, len(raw), random), random)
    canvas, box = _written(placed, hand, random)
    if random.random() < clutter:
        left.add(canvas, box, random)
    return Line(soaked(canvas, hand.pen) / np.float32(255), raw, box, kind)


def _written(placed: list[Placed], hand: Hand, random: Random) -> tuple[Canvas, Box]:
    """The canvas, and the box of its ink."""
    first = np.min([one.corner for one in placed], axis=0) - MARGIN
    last = np.max([one.corner + one.glyph.ink.shape[::-1] for one in placed], axis=0) + MARGIN
    width, height = last - first
    canvas = np.zeros((height, width), np.uint8)
    for one in placed:
        x, y = one.corner - first
        high, wide = one.glyph.ink.shape
        part = canvas[y : y + high, x : x + wide]
        np.maximum(part, one.glyph.ink, out=part)
    for before, after in pairwise(placed):
        if after.joined:
            trace(canvas, joint(before, after, random) - first, hand.pen, random)
    rows, columns = (np.flatnonzero((canvas > INK).any(axis=axis)) for axis in (1, 0))
    return canvas, Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
