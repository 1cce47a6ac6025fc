"""Strokes that join the end of a digit with the start of the next."""

import numpy as np

from training.hands.generator import smooth
from training.hands.trajectories import Stroke
from training.lines.glyphs import HEIGHT, INK, Random
from training.lines.layout import Placed


def joint(before: Placed, after: Placed, random: Random) -> Stroke:
    """A polyline, as places on the line; zeros are joined at their tops."""
    start, end = before.corner + before.glyph.end, after.corner + after.glyph.start
    if before.character == after.character == "0":
        start, end = _top(before, random), _top(after, random)
    middle = (start + end) / 2 + [0, random.normal(0, 0.07) * HEIGHT]
    return smooth(np.array([start, middle, end]))


def _top(placed: Placed, random: Random) -> Stroke:
    """Of its ink, or a little lower."""
    row = int(random.uniform(0.0, 0.12) * len(placed.glyph.ink))
    columns = np.flatnonzero(placed.glyph.ink[row : row + 3].max(axis=0) > INK)
    x = columns.mean() if len(columns) else placed.glyph.ink.shape[1] / 2
    return placed.corner + np.array([x, row + 1])
