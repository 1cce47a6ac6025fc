"""Strokes that join the end of a digit with the start of the next."""

import numpy as np

from training.hands.generator import smooth
from training.hands.trajectories import Stroke
from training.lines.glyphs import HEIGHT, INK, Random
from training.lines.layout import Placed

SAGGING = 0.15  # part of the strokes that hang deep, as a garland does


def joint(before: Placed, after: Placed, random: Random) -> Stroke:
    """A polyline, as places on the line; zeros are joined at their tops."""
    start, end = before.corner + before.glyph.end, after.corner + after.glyph.start
    if before.character == after.character == "0":
        start, end = _top(before, random), _top(after, random)
    sag = random.uniform(0.1, 0.4) if random.random() < SAGGING else random.normal(0, 0.07)
    middle = (start + end) / 2 + [0, sag * HEIGHT]
    return smooth(np.array([start, middle, end]))


def _top(placed: Placed, random: Random) -> Stroke:
    """Of its ink, or a little lower."""
    row = int(random.uniform(0.0, 0.12) * len(placed.glyph.ink))
    columns = np.flatnonzero(placed.glyph.ink[row : row + 3].max(axis=0) > INK)
    x = columns.mean() if len(columns) else placed.glyph.ink.shape[1] / 2
    top: Stroke = placed.corner + np.array([x, row + 1])
    return top
