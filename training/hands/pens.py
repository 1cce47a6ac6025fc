"""Strokes -> frames, by pens of many kinds, and with what is left beside digits in real life.

What is drawn is large, and becomes a frame as a picture does: by `app`'s own fitting and centring.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.centre import centre
from app.imaging.fit import fit
from app.tasks.digits.arrays import Frames
from training.constants import PREPARATION
from training.hands.trajectories import Stroke

HEIGHT = 72  # pixels of a digit before it is made small
MARGIN = 40  # around it
SUBPIXEL = 4  # bits of a pixel's place, of OpenCV's
INK = 40  # of 255: what is darker is no ink where a digit ends

Random = np.random.Generator
Ink = NDArray[np.float32]  # 0 to 255


class Pen(NamedTuple):
    """In pixels of a digit that is 72 high, or of what it is `scaled` to."""

    width: float
    pressure: float
    """By how much the width varies along a stroke, as a part of it."""
    nib: float
    """How much wider it is across the nib's direction than along it; 0 of a round pen."""
    angle: float
    blur: float
    gain: float
    """Over 1, ink soaks: its edge is hard."""

    def scaled(self, by: float) -> "Pen":
        return self._replace(width=self.width * by, blur=self.blur * by)


class Bend(NamedTuple):
    """Waves along both sides, of up to two periods over what is 1 high."""

    amount: NDArray[np.float64]  # [2, 2]
    waves: NDArray[np.float64]  # [2]
    phases: NDArray[np.float64]  # [2]

    def of(self, points: Stroke) -> Stroke:
        along = np.sin(2 * np.pi * points * self.waves + self.phases)
        return points + along[:, ::-1] @ self.amount


def any_pen(random: Random) -> Pen:
    """From a hard pencil to a marker."""
    return Pen(
        width=float(np.exp(random.uniform(np.log(2.2), np.log(12)))),
        pressure=float(random.choice([0, 0, 0.15, 0.35])),
        nib=float(random.choice([0, 0, 0, random.uniform(0.3, 1.2)])),
        angle=random.uniform(0.3, 1.2),
        blur=random.uniform(0, 2.2),
        gain=random.uniform(0.9, 1.8),
    )


def usual_pen(random: Random) -> Pen:
    """A round one, of a width that most people write with."""
    return Pen(random.uniform(4, 8), pressure=0, nib=0, angle=0, blur=1, gain=1.2)


def draw(strokes: list[Stroke], pen: Pen, random: Random, *, beside: float = 0.0) -> Frames:
    """uint8 [28, 28]; `beside` is how likely something is left beside the digit."""
    placed = _placed(strokes)
    canvas = _canvas(placed)
    for stroke in placed:
        trace(canvas, stroke, pen, random)
    if random.random() < beside:
        BESIDE[random.integers(len(BESIDE))](canvas, placed, pen.width, random)
    return centre(fit(_without_margin(soaked(canvas, pen)), PREPARATION)[0], PREPARATION)


def soaked(canvas: NDArray[np.uint8], pen: Pen) -> Ink:
    """What is drawn as it looks on paper: blurred, and with the edges of that pen."""
    soft = cv2.GaussianBlur(canvas, (0, 0), pen.blur) if pen.blur > 0.3 else canvas
    ink: Ink = np.clip(soft.astype(np.float32) * pen.gain, 0, 255)
    return ink


def varied(strokes: list[Stroke], random: Random) -> list[Stroke]:
    """As another day's hand would write them: wider or narrower, slanted, turned, and a little bent."""
    low, high = np.concatenate(strokes).min(axis=0), np.concatenate(strokes).max(axis=0)
    middle, size = (low + high) / 2, max(float((high - low).max()), 1e-6)
    turn, slant = random.normal(0, 0.08), random.normal(0.05, 0.16)
    wide = np.exp(random.normal(0, 0.16))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = turned @ np.array([[wide, -slant], [0, 1]])
    bend = any_bend(random)
    return [bend.of((stroke - middle) / size @ linear.T) for stroke in strokes]


def any_bend(random: Random) -> Bend:
    return Bend(random.normal(0, 0.025, (2, 2)), random.uniform(0.6, 1.6, 2), random.uniform(0, 2 * np.pi, 2))


def _placed(strokes: list[Stroke]) -> list[Stroke]:
    """Scaled to the height, or to that width where they are wider, with a margin around."""
    low, high = np.concatenate(strokes).min(axis=0), np.concatenate(strokes).max(axis=0)
    scale = HEIGHT / max(float((high - low).max()), 1e-6)
    return [(stroke - low) * scale + MARGIN for stroke in strokes]


def _canvas(strokes: list[Stroke]) -> NDArray[np.uint8]:
    wide, high = np.ceil(np.concatenate(strokes).max(axis=0)).astype(int) + MARGIN
    return np.zeros((high, wide), np.uint8)


def trace(canvas: NDArray[np.uint8], stroke: Stroke, pen: Pen, random: Random) -> None:
    """Draws one stroke, in pixels of the canvas."""
    if len(stroke) == 1:
        stroke = np.concatenate([stroke, stroke + 0.5])
    offsets = np.linspace(-0.5, 0.5, 5) * pen.nib * pen.width if pen.nib else np.zeros(1)
    aside = np.array([np.cos(pen.angle), -np.sin(pen.angle)])
    pieces = np.array_split(np.arange(len(stroke)), max(1, min(6, len(stroke) // 4))) if pen.pressure else None
    for offset in offsets:
        shifted = stroke + offset * aside
        if pieces is None:
            _line(canvas, shifted, pen.width)
            continue
        for piece in pieces:
            width = pen.width * (1 + pen.pressure * random.uniform(-1, 1))
            _line(canvas, shifted[piece[0] : piece[-1] + 2], width)


def _line(canvas: NDArray[np.uint8], points: Stroke, width: float) -> None:
    whole = np.rint(points * 2**SUBPIXEL).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [whole], False, 255, max(1, round(width)), cv2.LINE_AA, SUBPIXEL)


def _without_margin(ink: Ink) -> Ink:
    rows, columns = (np.flatnonzero((ink > INK).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


# What is left beside a digit. Each draws on the canvas.


def _base_line(canvas: NDArray[np.uint8], strokes: list[Stroke], _: float, random: Random) -> None:
    """Printed, under the digit or through its foot."""
    low, high = _box(strokes)
    at, tilt = high[1] + random.uniform(-4, 8), random.normal(0, 1.5)
    left, right = low[0] - random.uniform(0, 25), high[0] + random.uniform(0, 25)
    grey, thick = int(random.uniform(90, 255)), int(random.integers(1, 4))
    cv2.line(canvas, (int(left), int(at - tilt)), (int(right), int(at + tilt)), grey, thick, cv2.LINE_AA)


def _box_side(canvas: NDArray[np.uint8], strokes: list[Stroke], _: float, random: Random) -> None:
    """Of a form's box: upright beside the digit, or lying above or below it."""
    low, high = _box(strokes)
    grey, thick = int(random.uniform(90, 255)), int(random.integers(1, 4))
    if random.random() < 0.6:
        at = random.choice([low[0] - random.uniform(2, 16), high[0] + random.uniform(2, 16)])
        ends = (int(at), int(low[1] - random.uniform(-20, 15))), (int(at), int(high[1] + random.uniform(-20, 15)))
    else:
        at = random.choice([low[1] - random.uniform(2, 14), high[1] + random.uniform(2, 14)])
        ends = (int(low[0] - random.uniform(-8, 15)), int(at)), (int(high[0] + random.uniform(-8, 15)), int(at))
    cv2.line(canvas, *ends, grey, thick, cv2.LINE_AA)


def _dot(canvas: NDArray[np.uint8], strokes: list[Stroke], width: float, random: Random) -> None:
    """A point or a comma, at the foot on either side."""
    low, high = _box(strokes)
    x = random.choice([low[0] - random.uniform(5, 20), high[0] + random.uniform(5, 20)])
    y = high[1] - random.uniform(-6, 8)
    tail = random.uniform(4, 16) if random.random() < 0.5 else 0.5
    _line(canvas, np.array([[x, y], [x - tail / 3, y + tail]]), width)


def _neighbour(canvas: NDArray[np.uint8], strokes: list[Stroke], width: float, random: Random) -> None:
    """The end of another digit's stroke, at one side."""
    low, high = _box(strokes)
    side = random.choice([-1, 1])
    x = (low[0] if side < 0 else high[0]) + side * random.uniform(3, 14)
    y = random.uniform(low[1], high[1])
    steps = random.normal(0, 5, (4, 2)) + np.array([side * 2.5, 0])
    _line(canvas, np.array([x, y]) + np.cumsum(steps, axis=0), width)


BESIDE: tuple[Callable[[NDArray[np.uint8], list[Stroke], float, Random], None], ...] = (
    _base_line,
    _box_side,
    _dot,
    _neighbour,
)


def _box(strokes: list[Stroke]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.concatenate(strokes)
    return points.min(axis=0), points.max(axis=0)
