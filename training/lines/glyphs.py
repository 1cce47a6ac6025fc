"""Single characters as ink, drawn by a pen or made of a frame of 28 x 28."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.tasks.digits.arrays import Frames
from training.hands.generator import Style, read_styles
from training.hands.pens import Pen, trace
from training.hands.trajectories import Stroke

MARKS = Path(__file__).with_name("marks.txt")
HEIGHT = 48  # pixels of a digit in a line
INK = 100  # of 255: what is darker is ink where a character ends
PAPER_AROUND = 3  # pixels, of what is drawn, before it is cut to its ink
BLUR = 0.5  # of an enlarged frame, pixels of the frame
EDGE = 1.4  # pixels of the line over which a frame's ink ends
SOLID = 0.42  # of a frame's darkest ink: where its edge is
DARKEST, FAINT = 0.8, 0.15  # quantile of its ink; what is lighter counts not

Random = np.random.Generator
Canvas = NDArray[np.uint8]  # [H, W], 0 paper to 255 ink
Linear = NDArray[np.float64]  # [2, 2]: from heights of a digit to pixels of the line


class Glyph(NamedTuple):
    """One character."""

    ink: Canvas
    """Cut to its ink."""
    top: int
    """The row of its first row, from the base line on: less than 0 above it."""
    start: Stroke
    """[2], where a stroke that joins it may come from the left, and"""
    end: Stroke
    """[2], where one may go on to the right: in pixels of `ink`."""


@cache
def marks() -> dict[str, tuple[Style, ...]]:
    """By character; their base line is at y = 1."""
    return dict(read_styles(MARKS))


def drawn(strokes: list[Stroke], pen: Pen, random: Random) -> Glyph:
    """Strokes in pixels of the line, where the base line is at y = 0."""
    points = np.concatenate(strokes)
    around = PAPER_AROUND + np.ceil(pen.width * (1 + pen.nib))
    corner = np.floor(points.min(axis=0) - around)
    width, height = np.ceil(points.max(axis=0) + around - corner).astype(int)
    canvas = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        trace(canvas, stroke - corner, pen, random)
    return _cut(canvas, int(corner[1]), strokes[0][0] - corner, strokes[-1][-1] - corner)


def enlarged(frame: Frames, linear: Linear) -> Glyph:
    """uint8 [28, 28] as the pen may have drawn it, before it was made so small."""
    rows, columns = (np.flatnonzero((frame > INK).any(axis=axis)) for axis in (1, 0))
    high = rows[-1] + 1 - rows[0]
    pixels = linear / high  # of the line, for one of the frame
    corners = np.array([[0, 0], [frame.shape[1], 0], [0, frame.shape[0]], frame.shape[::-1]]) @ pixels.T
    corner = np.floor(corners.min(axis=0))
    width, height = np.ceil(corners.max(axis=0) - corner).astype(int)
    moved = np.hstack([pixels, (0.5 * pixels.sum(axis=1) - corner - 0.5)[:, None]])
    scale = float(np.sqrt(abs(np.linalg.det(pixels))))
    large = cv2.warpAffine(frame.astype(np.float32) / 255, moved, (width, height), flags=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), BLUR * scale)
    solid = SOLID * float(np.quantile(soft[soft > FAINT], DARKEST))  # thin strokes are grey, and stay whole
    ink = ((soft - solid) * scale * EDGE + 0.5).clip(0, 1)
    foot = np.array([(columns[0] + columns[-1] + 1) / 2, rows[-1] + 1]) @ pixels.T
    glyph = _cut(np.rint(ink * 255).astype(np.uint8), round(corner[1] - foot[1]), np.zeros(2), np.zeros(2))
    return glyph._replace(start=_reached(glyph.ink, left=True), end=_reached(glyph.ink, left=False))


def _reached(ink: Canvas, *, left: bool) -> Stroke:
    """Where ink of the upper half reaches farthest to the left, or any to the right."""
    half = ink[: max(1, len(ink) // 2)] if left else ink
    places = np.argwhere(half > INK)
    if not len(places):
        places = np.argwhere(ink > INK)
    y, x = places[places[:, 1].argmin() if left else places[:, 1].argmax()]
    return np.array([x, y], np.float64)


def _cut(canvas: Canvas, top: int, start: Stroke, end: Stroke) -> Glyph:
    rows, columns = (np.flatnonzero((canvas > INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):  # the thinnest pen leaves grey dots
        rows, columns = np.arange(canvas.shape[0]), np.arange(canvas.shape[1])
    corner = np.array([columns[0], rows[0]])
    ink = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Glyph(ink, top + int(rows[0]), start - corner, end - corner)
