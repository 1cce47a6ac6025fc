"""What is left around and in a number on a form or a cheque, once what is printed there has been taken out.

None of it is a digit or looks like a mark. Each draws on the canvas, or takes ink away from it.
"""

from collections.abc import Callable

import cv2
import numpy as np

from app.imaging.boxes import Box
from training.hands.pens import Pen
from training.lines.glyphs import HEIGHT, Canvas, Random

MOST = 3  # things that are left around one number


def add(canvas: Canvas, box: Box, pen: Pen, random: Random) -> None:
    """One to three things around the writing in that box."""
    for place in random.permutation(len(THINGS))[: random.integers(1, MOST + 1)]:
        THINGS[place](canvas, box, pen, random)


def _grey(random: Random) -> int:
    return int(random.uniform(110, 255))


def _darken(canvas: Canvas, drawn: Canvas) -> None:
    np.maximum(canvas, drawn, out=canvas)


def _base_line(canvas: Canvas, box: Box, _: Pen, random: Random) -> None:
    """Printed, under the number or through its feet; only pieces of it are left."""
    y, thick, grey = box.bottom + random.uniform(-0.1, 0.2) * HEIGHT, int(random.integers(1, 3)), _grey(random)
    tilt = random.normal(0, 0.01)
    x = box.left - random.uniform(0, 1) * HEIGHT
    while x < box.right + HEIGHT:
        end = x + random.uniform(0.2, 3) * HEIGHT
        places = [(round(one), round(y + tilt * (one - box.left))) for one in (x, end)]
        cv2.line(canvas, *places, grey, thick, cv2.LINE_AA)
        x = end + random.uniform(0.1, 2) * HEIGHT


def _specks(canvas: Canvas, box: Box, _: Pen, random: Random) -> None:
    """Smaller than any dot that a pen makes."""
    for _ in range(random.integers(2, 15)):
        x, y = random.integers(0, canvas.shape[1] - 2), random.integers(0, canvas.shape[0] - 2)
        wide, high = random.integers(1, 3, 2)
        _darken(canvas[y : y + high, x : x + wide], np.full((high, wide), _grey(random), np.uint8))


THINGS: tuple[Callable[[Canvas, Box, Pen, Random], None], ...] = (_base_line, _specks)
