"""Those who write lines: the project's generator, writers of trajectories, and writers of frames."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.tasks.digits.arrays import Frames
from training.data import Digits
from training.hands import digits as sources
from training.hands import generator, pens
from training.hands.generator import Style
from training.hands.pens import Pen
from training.hands.trajectories import Stroke, Trajectory
from training.lines.glyphs import HEIGHT, Glyph, Linear, Random, drawn, enlarged, marks

FLATTEST = 0.6  # of its width: a digit that is lower is not made as high as the others
FRAMED_HEIGHT = 20  # pixels of a digit in a frame
SLIP = 0.1  # of a digit's longest stroke: what is shorter is no part of it
ALIKE = 25  # frames of a digit that are most like a hand's way of writing, from which it takes one
WIDEST = 6.5  # pixels of a stroke: with wider ones the digits of a line run full
FRAMED_PEN = 0.85  # of a stroke's width in a frame: what is left once it is sharpened

T = TypeVar("T")


class Hand(NamedTuple):
    """Somebody who writes digits, with one pen."""

    source: str
    pen: Pen
    """In pixels of the line."""
    marks: Mapping[str, Style]
    """How this one writes each mark."""
    write_digit: Callable[[int, Linear, Random], Glyph]

    def write(self, character: str, linear: Linear, random: Random) -> Glyph:
        """A digit or a mark; `linear` is from heights of a digit to pixels of the line."""
        if character.isdigit():
            return self.write_digit(int(character), linear, random)
        strokes = generator.write(self.marks[character], random)
        return drawn([(stroke - [0, 1]) @ linear.T for stroke in strokes], self.pen, random)


class Writers(Protocol):
    """Where hands come from."""

    def hand(self, random: Random) -> Hand: ...


class Generated(NamedTuple):
    """The project's own strokes: a hand has one way of writing each digit."""

    def hand(self, random: Random) -> Hand:
        ways = [_one_of(generator.styles()[digit], random) for digit in range(10)]
        return _of_strokes("generator", lambda digit, random: generator.write(ways[digit], random), random)


class Trajectories(NamedTuple):
    """A pen's, by writer and digit."""

    source: str
    writers: Sequence[Mapping[int, Sequence[list[Stroke]]]]

    def hand(self, random: Random) -> Hand:
        written = _one_of(self.writers, random)
        return _of_strokes(self.source, lambda digit, random: _one_of(written[digit], random), random)


class Framed(NamedTuple):
    """Frames by digit, of one writer or of nobody knows how many. A hand takes those alike in width and slant."""

    source: str
    frames: Mapping[int, Frames]
    looks: Mapping[int, NDArray[np.float64]]
    """[N, 2] of each digit's frames: as `_looks` has it."""

    def hand(self, random: Random) -> Hand:
        looks = self.looks[int(random.integers(10))]
        model = looks[random.integers(len(looks))]
        alike = {digit: _nearest(looks, model) for digit, looks in self.looks.items()}

        def write(digit: int, linear: Linear, random: Random) -> Glyph:
            return enlarged(self.frames[digit][random.choice(alike[digit])], linear)

        pen = Pen(max(1.5, FRAMED_PEN * model[0] * HEIGHT / FRAMED_HEIGHT), pressure=0, nib=0, angle=0, blur=0, gain=1)
        return Hand(self.source, pen, _some_marks(random), write)


class Hands(NamedTuple):
    """Those of several sources."""

    writers: Sequence[tuple[float, Sequence[Writers]]]
    """Of each source its share, and its writers."""

    def draw(self, random: Random) -> Hand:
        """Any writer of any source, as often as the shares say."""
        shares = np.array([share for share, _ in self.writers])
        _, writers = self.writers[random.choice(len(shares), p=shares / shares.sum())]
        return _one_of(writers, random).hand(random)


def training_hands(mnist: Digits) -> Hands:
    """Those to train on, with MNIST's training frames. Raises DataError."""
    return Hands(
        [
            (0.25, [Generated()]),
            (0.3, [_by_writer("pendigits", sources.trajectories())]),
            (0.25, [framed("mnist", mnist)]),
            (0.2, [framed("swiss", held) for held in sources.scans_by_writer(held_out=False).values()]),
        ]
    )


def held_out_hands(mnist_validation: Digits) -> Hands:
    """Those to choose by: of writers that nothing is trained on. Raises DataError."""
    trajectories = sources.trajectories_to_choose_by()
    return Hands(
        [
            (0.4, [_by_writer("pendigits", trajectories["pendigits"])]),
            (0.1, [_by_writer("uji", trajectories["uji"])]),
            (0.25, [framed("swiss", held) for held in sources.scans_by_writer(held_out=True).values()]),
            (0.25, [framed("mnist", mnist_validation)]),
        ]
    )


def framed(source: str, digits: Digits) -> Framed:
    frames = {digit: digits.images[digits.labels == digit] for digit in range(10)}
    return Framed(source, frames, {digit: _looks(some) for digit, some in frames.items()})


def _by_writer(source: str, trajectories: list[Trajectory]) -> Trajectories:
    writers: dict[str, dict[int, list[list[Stroke]]]] = {}
    for one in trajectories:
        writers.setdefault(one.writer, {}).setdefault(one.digit, []).append(_without_slips(one.strokes))
    return Trajectories(source, [held for held in writers.values() if len(held) == 10])


def _without_slips(strokes: list[Stroke]) -> list[Stroke]:
    """Without dots that a pen left by accident: beside a digit they would be marks."""
    sizes = [float(np.ptp(stroke, axis=0).max()) for stroke in strokes]
    return [stroke for stroke, size in zip(strokes, sizes, strict=True) if size >= SLIP * max(sizes)]


def _of_strokes(source: str, write: Callable[[int, Random], list[Stroke]], random: Random) -> Hand:
    pen, bend = _line_pen(random), pens.any_bend(random)

    def write_digit(digit: int, linear: Linear, random: Random) -> Glyph:
        bent = [bend.of(stroke) for stroke in _standing(write(digit, random))]
        return drawn([stroke @ linear.T for stroke in _standing(bent)], pen, random)

    return Hand(source, pen, _some_marks(random), write_digit)


def _line_pen(random: Random) -> Pen:
    pen = pens.any_pen(random).scaled(HEIGHT / pens.HEIGHT)
    return pen._replace(width=min(pen.width, WIDEST / (1 + pen.nib)))


def _standing(strokes: list[Stroke]) -> list[Stroke]:
    """1 high, or less where it is very wide, with its foot at y = 0."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    size = max(high[1] - low[1], FLATTEST * (high[0] - low[0]), 1e-6)
    return [(stroke - [low[0], high[1]]) / size for stroke in strokes]


def _looks(frames: Frames) -> NDArray[np.float64]:
    """[N, 2]: how wide the strokes are, in pixels of a frame, and the slant, as much to the right for one up, tenfold.

    The slant is tenfold as it is a tenth of what widths are.
    """
    ink = frames.astype(np.float32) / 255
    edge = np.hypot(*(np.diff(ink, axis=axis, prepend=0) for axis in (1, 2))).sum(axis=(1, 2))
    area = ink.sum(axis=(1, 2))
    places = np.arange(frames.shape[1], dtype=np.float32)
    x, y = (ink.sum(axis=axis) @ places / area for axis in (1, 2))
    across, up = places - x[:, None], places - y[:, None]
    together = np.einsum("nyx,ny,nx->n", ink, up, across)
    slant = -together / np.maximum(np.einsum("nyx,ny->n", ink, up**2), 1e-6)
    return np.stack([2 * area / np.maximum(edge, 1e-6), 10 * slant], axis=1).astype(np.float64)


def _nearest(looks: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.int64]:
    away = ((looks - model) ** 2).sum(axis=1)
    few = min(ALIKE, len(away)) - 1
    return np.argpartition(away, few)[: few + 1]


def _some_marks(random: Random) -> dict[str, Style]:
    return {character: _one_of(ways, random) for character, ways in marks().items()}


def _one_of(some: Sequence[T], random: Random) -> T:
    return some[int(random.integers(len(some)))]
