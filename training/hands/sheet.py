"""A contact sheet of what the generator writes: for people to look at."""

import numpy as np
from PIL import Image

from app.tasks.digits.arrays import Frames
from training.hands import generator

ACROSS, COLUMNS = 16, 2  # digits of a style beside each other, and styles
GAP = 1  # pixels around each


def draw(seed: int) -> Image.Image:
    """A row of each style, black on white."""
    random = np.random.default_rng(seed)
    rows = [
        _side_by_side([generator.draw_style(style, random) for _ in range(ACROSS)])
        for ways in generator.styles().values()
        for style in ways
    ]
    high = -(-len(rows) // COLUMNS)
    rows += [np.zeros_like(rows[0])] * (high * COLUMNS - len(rows))
    columns = [np.concatenate(rows[start : start + high]) for start in range(0, len(rows), high)]
    return Image.fromarray(255 - np.concatenate(columns, axis=1))


def _side_by_side(frames: list[Frames]) -> Frames:
    return np.concatenate([np.pad(frame, GAP) for frame in frames], axis=1)
