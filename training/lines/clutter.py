"""What is left around and in a number on a form or a cheque, once what is printed there has been taken out.

None of it is a digit, and none looks like a mark that belongs to the number. Each draws on the canvas, or takes ink
away from it.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import Box
from training.hands.generator import smooth
from training.hands.trajectories import Stroke
from training.lines.glyphs import HEIGHT, Canvas, Random

MOST = 3  # things around one number
OUTSIDE = 0.7  # heights above or below a number: what is there is no part of it
SUBPIXEL = 4  # bits of a pixel's place, of OpenCV's


def add(canvas: Canvas, box: Box, random: Random) -> None:
    """One to three things around the writing in that box."""
    for place in random.permutation(len(THINGS))[: random.integers(1, MOST + 1)]:
        THINGS[place](canvas, box, random)


def _base_line(canvas: Canvas, box: Box, random: Random) -> None:
    """Printed, under the number or through its feet; pieces of it are left."""
    y = box.bottom + random.uniform(-0.15, 0.15) * HEIGHT
    _pieces(canvas, (box.left - HEIGHT, y), (box.right + HEIGHT, y + random.normal(0, 0.01) * box.width), random)


def _cells(canvas: Canvas, box: Box, random: Random) -> None:
    """Sides of a form's boxes at even distances, which reach over digits or are but stubs: none is a 1."""
    pitch, grey, thick = random.uniform(0.7, 1.4) * HEIGHT, _grey(random), int(random.integers(1, 3))
    over = random.uniform(0.4, 0.6) * HEIGHT
    top, bottom = box.top - over, box.bottom + over
    tilt, whole = random.normal(0, 1), random.random() < 0.4
    for x in np.arange(box.left - random.uniform(0, pitch), box.right + pitch, pitch):
        if random.random() < 0.3:
            continue
        if whole:
            _segment(canvas, (x, top), (x + tilt, bottom), grey, thick)
            continue
        stub = over + random.uniform(-0.2, 0.3) * HEIGHT
        start, end = (top, top + stub) if random.random() < 0.5 else (bottom - stub, bottom)
        _segment(canvas, (x, start), (x, end), grey, thick)
    near = random.uniform(0.1, 0.5) * HEIGHT
    for y in (box.top - near, box.bottom + near):
        if random.random() < 0.5:
            _pieces(canvas, (box.left - pitch, y), (box.right + pitch, y), random)


def _pattern(canvas: Canvas, _: Box, random: Random) -> None:
    """A cheque's ground of dots or hatches; of most of it nothing is left."""
    drawn = np.zeros_like(canvas)
    pitch, grey = random.uniform(4, 9), int(random.uniform(60, 200))
    height, width = canvas.shape
    if random.random() < 0.5:
        rows, columns = np.mgrid[0:height:pitch, 0:width:pitch].reshape(2, -1).astype(int)
        drawn[rows, columns] = grey
        if pitch > 5:
            drawn[rows, np.minimum(columns + 1, width - 1)] = grey
    else:
        lean = random.choice([-1, 1]) * random.uniform(0.3, 2) * height
        for x in np.arange(-2 * height, width + 2 * height, pitch):
            _segment(drawn, (x, 0), (x + lean, height), grey, 1)
    kept = _clouds(canvas.shape, random.uniform(0.2, 0.6) * HEIGHT, random) > random.uniform(0.3, 1.5)
    np.maximum(canvas, drawn * kept, out=canvas)


def _dark_end(canvas: Canvas, box: Box, random: Random) -> None:
    """The border of a picture or of a field, beyond one of the number's ends."""
    away, wide = random.uniform(0.08, 0.5) * HEIGHT, random.uniform(0.06, 0.5) * HEIGHT
    near = box.left - away if random.random() < 0.5 else box.right + away
    far = near - wide if near < box.left else near + wide
    left, right = sorted((round(near), round(far)))
    rough = random.integers(0, 3, len(canvas)).tolist()
    for row, off in enumerate(rough):
        canvas[row, max(0, left + off) : max(0, right - off)] = 230


def _specks(canvas: Canvas, box: Box, random: Random) -> None:
    """Smaller than any dot that a pen makes."""
    for _ in range(random.integers(3, 20)):
        x = int(random.uniform(max(0, box.left - HEIGHT / 2), min(canvas.shape[1], box.right + HEIGHT / 2) - 2))
        y = int(random.uniform(max(0, box.top - HEIGHT / 2), min(canvas.shape[0], box.bottom + HEIGHT / 2) - 2))
        part = canvas[y : y + random.integers(1, 3), x : x + random.integers(1, 3)]
        np.maximum(part, _grey(random), out=part)


def _other_lines(canvas: Canvas, box: Box, random: Random) -> None:
    """Ink of the lines above and below: their feet and heads, and now and then a loop that reaches into the number."""
    for above in (True, False):
        if random.random() < 0.4:
            continue
        edge, away = (box.top, -1) if above else (box.bottom, 1)
        thick, grey = int(random.integers(2, 5)), int(random.uniform(160, 255))
        for _ in range(random.integers(1, 2 + round(box.width / HEIGHT))):
            x = random.uniform(box.left - 0.5 * HEIGHT, box.right + 0.5 * HEIGHT)
            reach = -0.15 if random.random() < 0.15 else random.uniform(0.02, 0.3)
            across = x + np.cumsum(random.uniform(-0.1, 0.3, random.integers(3, 8))) * HEIGHT
            heights = random.uniform(reach, OUTSIDE, len(across))
            heights[[0, -1]] = OUTSIDE  # what ends near the number would be an apostrophe or a comma
            down = edge + away * heights * HEIGHT
            _curve(canvas, smooth(np.stack([across, down], axis=1)), grey, thick)


def _stamp(canvas: Canvas, box: Box, random: Random) -> None:
    """An arc of its rim, or of two."""
    radius = random.uniform(1.2, 4) * HEIGHT
    middle = np.array([random.uniform(box.left, box.right), random.uniform(box.top, box.bottom)])
    turn = random.uniform(0, 2 * np.pi)
    middle += radius * np.array([np.cos(turn), np.sin(turn)]) + random.normal(0, 0.2, 2) * HEIGHT
    least = HEIGHT / radius  # of half the arc: a shorter one would be a dash
    angles = turn + np.pi + np.linspace(-1, 1, 40) * random.uniform(least, least + 0.5)
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    grey, thick = _grey(random), int(random.integers(1, 4))
    for ring in (radius, radius + random.uniform(5, 9))[: random.integers(1, 3)]:
        _curve(canvas, middle + ring * rim, grey, thick)


def _erased_line(canvas: Canvas, box: Box, random: Random) -> None:
    """Taken out together with a printed line that went through the digits, at least in parts."""
    y = random.uniform(box.top, box.bottom)
    rows = slice(round(y), round(y) + int(random.integers(1, 4)))
    start = box.left if random.random() < 0.5 else int(random.uniform(box.left, box.right))
    canvas[rows, start : start + int(random.uniform(1, 8) * HEIGHT)] //= int(random.integers(3, 10))


def _erased_uprights(canvas: Canvas, box: Box, random: Random) -> None:
    """The same of the sides of boxes."""
    pitch, wide = random.uniform(0.8, 1.4) * HEIGHT, int(random.integers(1, 3))
    for x in np.arange(box.left + random.uniform(0, pitch), box.right, pitch).astype(int):
        canvas[:, x : x + wide] = 0


def _breaks(canvas: Canvas, box: Box, random: Random) -> None:
    """Small gaps in strokes."""
    places = np.argwhere(canvas[box.cut] > 128)
    for _ in range(random.integers(1, 2 + 2 * round(box.width / HEIGHT))):
        y, x = places[random.integers(len(places))]
        cv2.circle(canvas, (int(box.left + x), int(box.top + y)), int(random.integers(1, 4)), 0, -1)


def _fading(canvas: Canvas, _: Box, random: Random) -> None:
    """Ink that does not cover the paper's grain alike."""
    grain = 0.75 + 0.25 * _clouds(canvas.shape, random.uniform(1, 0.5 * HEIGHT), random)
    canvas[:] = (canvas * grain.clip(0.25, 1)).astype(np.uint8)


THINGS: tuple[Callable[[Canvas, Box, Random], None], ...] = (
    _base_line,
    _cells,
    _pattern,
    _dark_end,
    _specks,
    _other_lines,
    _stamp,
    _erased_line,
    _erased_uprights,
    _breaks,
    _fading,
)


def _grey(random: Random) -> int:
    return int(random.uniform(100, 255))


def _clouds(shape: tuple[int, ...], size: float, random: Random) -> NDArray[np.float32]:
    """[H, W] of mean 0 and deviation 1, in clouds of that many pixels."""
    few = random.standard_normal((max(2, round(shape[0] / size)), max(2, round(shape[1] / size))), np.float32)
    clouds: NDArray[np.float32] = cv2.resize(few, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return clouds


def _pieces(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], random: Random) -> None:
    """What is left of a printed line, at least 0.2 of the height each."""
    grey, thick = _grey(random), int(random.integers(1, 3))
    way = np.subtract(end, start)
    length = float(np.hypot(*way))
    at = random.uniform(0, 1) * HEIGHT
    while at < length:
        until = min(length, at + random.uniform(0.2, 3) * HEIGHT)
        _segment(canvas, start + way * at / length, start + way * until / length, grey, thick)
        at = until + random.uniform(0.1, 2) * HEIGHT


def _segment(canvas: Canvas, start: object, end: object, grey: int, thick: int) -> None:
    _curve(canvas, np.array([start, end], np.float64), grey, thick)


def _curve(canvas: Canvas, points: Stroke, grey: int, thick: int) -> None:
    """Where there is ink already, it stays as dark as it is."""
    drawn = np.zeros_like(canvas)
    whole = np.rint(points * 2**SUBPIXEL).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(drawn, [whole], False, grey, thick, cv2.LINE_AA, SUBPIXEL)
    np.maximum(canvas, drawn, out=canvas)
