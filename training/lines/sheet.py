"""A contact sheet of composed lines: for people to look at."""

import numpy as np
from PIL import Image

from app.tasks.digits.arrays import Frames
from training.lines.compose import KINDS, Line, compose
from training.lines.hands import Hands

ROWS = 8  # lines of each kind
SIZE = 380, 100  # pixels of a line's place on the sheet: width and height


def draw(hands: Hands, seed: int) -> Image.Image:
    """A column of each kind, black on white."""
    random = np.random.default_rng(seed)
    columns = [
        np.concatenate([_fitted(compose(hands.draw(random), random, kind=kind)) for _ in range(ROWS)]) for kind in KINDS
    ]
    return Image.fromarray(255 - np.concatenate(columns, axis=1))


def _fitted(line: Line) -> Frames:
    """uint8, in the middle of its place, and made smaller where it is larger than that."""
    picture = Image.fromarray(np.rint(line.ink * 255).astype(np.uint8))
    picture.thumbnail(SIZE)
    place = Image.new("L", SIZE)
    place.paste(picture, ((place.width - picture.width) // 2, (place.height - picture.height) // 2))
    return np.asarray(place)
