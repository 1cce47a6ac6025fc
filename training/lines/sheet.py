"""A contact sheet of composed lines: for people to look at."""

import numpy as np
from PIL import Image

from training.lines.compose import KINDS, Line, compose
from training.lines.hands import Hands

ROWS = 8  # lines of each kind
WIDTH, HEIGHT = 420, 120  # pixels of a line's place on the sheet


def draw(hands: Hands, seed: int) -> Image.Image:
    """A column of each kind, black on white."""
    random = np.random.default_rng(seed)
    columns = [
        np.concatenate([_fitted(compose(hands.draw(random), random, kind=kind)) for _ in range(ROWS)]) for kind in KINDS
    ]
    return Image.fromarray(255 - np.concatenate(columns, axis=1))


def _fitted(line: Line) -> np.ndarray:
    picture = Image.fromarray(np.rint(line.ink * 255).astype(np.uint8))
    picture.thumbnail((WIDTH, HEIGHT))
    place = Image.new("L", (WIDTH, HEIGHT))
    place.paste(picture, ((WIDTH - picture.width) // 2, (HEIGHT - picture.height) // 2))
    return np.asarray(place)
