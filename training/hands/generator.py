"""Digits that the project writes by itself: skeletons of the ways in which people write each one, moved at random."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.tasks.digits.arrays import Frames
from training.data import Digits, Labels
from training.hands import pens
from training.hands.parallel import spread
from training.hands.trajectories import Stroke

SOURCE = Path(__file__).with_name("skeletons.txt")
CHUNK = 500  # digits in one go of a process
CHORDS = 8  # of the curve between two points
SLOPPIEST = 0.035  # standard deviation of a point's place, of the digit's height
BESIDE = 0.2  # part of the digits with something left beside them
TENSION = 0.5  # of Catmull's and Rom's curves

Random = np.random.Generator


class Style(NamedTuple):
    """One way of writing a character."""

    character: str
    name: str
    strokes: tuple[Stroke, ...]
    """Points that the pen goes through; one that stands twice is a corner."""


@cache
def styles() -> Mapping[int, tuple[Style, ...]]:
    """By digit."""
    return {int(digit): ways for digit, ways in read_styles(SOURCE).items()}


def read_styles(source: Path) -> Mapping[str, tuple[Style, ...]]:
    """By character, of a file that says itself how it is written."""
    found: dict[str, tuple[Style, ...]] = {}
    for line in source.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, points = line.partition(":")
            character, name = head.split()
            strokes = tuple(
                np.array([pair.split(",") for pair in stroke.split()], np.float64) for stroke in points.split("|")
            )
            found[character] = (*found.get(character, ()), Style(character, name, strokes))
    return found


def draw(count: int, seed: int) -> Digits:
    """`count` digits, as many of each, each of a style of its own, uint8 [count, 28, 28]."""
    pieces = np.array_split(np.arange(count) % 10, max(1, count // CHUNK))
    jobs = [(piece, (seed, number)) for number, piece in enumerate(pieces)]
    images = np.concatenate(spread(_draw, jobs, "writing digits"))
    return Digits(images, (np.arange(count) % 10).astype(np.int64))


def _draw(digits: Labels, seed: tuple[int, int]) -> Frames:
    random = np.random.default_rng(seed)
    ways = [styles()[int(digit)] for digit in digits]
    return np.stack([draw_style(some[random.integers(len(some))], random) for some in ways])


def draw_style(style: Style, random: Random) -> Frames:
    """One digit of a style, uint8 [28, 28]."""
    return pens.draw(pens.varied(write(style, random), random), pens.any_pen(random), random, beside=BESIDE)


def write(style: Style, random: Random) -> list[Stroke]:
    """The strokes of one such character, as polylines."""
    sloppiness = random.uniform(0.2, 1) * SLOPPIEST
    return [smooth(_moved(stroke, sloppiness, random)) for stroke in style.strokes]


def smooth(points: Stroke) -> Stroke:
    """The polyline of a curve through the points; where one stands twice, there is a corner.

    Source: E. Catmull and R. Rom, "A class of local interpolating splines", 1974.
    """
    ends = np.concatenate([points[:1], points, points[-1:]])
    along = np.linspace(0, 1, CHORDS, endpoint=False)[:, None]
    pieces = []
    for before, start, stop, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        if np.array_equal(start, stop):
            continue
        leaving = TENSION * (stop - before) if not np.array_equal(before, start) else TENSION * (stop - start)
        arriving = TENSION * (after - start) if not np.array_equal(after, stop) else TENSION * (stop - start)
        cubic = 2 * (start - stop) + leaving + arriving
        square = 3 * (stop - start) - 2 * leaving - arriving
        pieces.append(start + leaving * along + square * along**2 + cubic * along**3)
    return np.concatenate([*pieces, points[-1:]])


def _moved(points: Stroke, deviation: float, random: Random) -> Stroke:
    """Neighbours move partly alike, and a corner stays one: both of its points do wholly."""
    alone = random.normal(0, deviation, points.shape)
    moves = alone + 0.5 * (np.concatenate([alone[1:], alone[:1]]) + np.concatenate([alone[-1:], alone[:-1]]))
    for place in np.flatnonzero((points[1:] == points[:-1]).all(axis=1)):
        moves[place + 1] = moves[place]
    moved: Stroke = points + moves
    return moved
