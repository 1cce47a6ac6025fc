"""Frames that hold no digit, drawn by rule: to teach a network that there are such, and to test whether it knows.

What is taught and what is tested are drawn apart: letters in other fonts, digits of another part of MNIST, other seeds.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.imaging.centre import centre
from app.imaging.fit import fit
from app.tasks.digits.arrays import Frames
from training.constants import PREPARATION
from training.data import Digits

LETTERS = "ACEFHKLMNPRUVWXYacdefhkmnprtuvwx"
"""Those that nobody takes for a digit: without O, I, l, S, Z, B, b, g, q and their like."""
LARGE = 112  # pixels a side of what is drawn before it is made small
SIDE = 28

Random = np.random.Generator
Ink = NDArray[np.float32]


class Source(NamedTuple):
    """What is drawn by; the fonts are those that matplotlib brings."""

    seed: int
    fonts: tuple[str, ...]


TRAINING = Source(
    0,
    (
        "DejaVuSans",
        "DejaVuSans-Bold",
        "DejaVuSans-Oblique",
        "DejaVuSansMono",
        "DejaVuSerif",
        "DejaVuSerif-BoldItalic",
        "STIXGeneral",
        "STIXGeneralItalic",
    ),
)
VALIDATION = Source(1, ("DejaVuSansMono-BoldOblique", "DejaVuSerif-Italic", "STIXGeneralBol"))
TESTING = Source(2, ("cmr10", "cmss10", "cmti10", "cmtt10", "cmb10"))


def draw(count: int, digits: Digits, source: Source, seed: int = 0) -> Frames:
    """uint8 [count, 28, 28], as many of each kind. `digits` are those that stand side by side in some of them."""
    random = np.random.default_rng((source.seed, seed))
    kinds = list(KINDS.values())
    frames = np.zeros((count, SIDE, SIDE), np.uint8)
    for index in range(count):
        frames[index] = kinds[index % len(kinds)](random, digits, source)
    return frames


def draw_each(count: int, digits: Digits, source: Source) -> Mapping[str, Frames]:
    """By kind, uint8 [count, 28, 28] each."""
    random = np.random.default_rng(source.seed)
    return {name: np.stack([kind(random, digits, source) for _ in range(count)]) for name, kind in KINDS.items()}


def letter(random: Random, _: Digits, source: Source) -> Frames:
    """A printed letter, leaning and thickened a little."""
    canvas = Image.new("L", (LARGE, LARGE))
    font = _font(source.fonts[random.integers(len(source.fonts))])
    ImageDraw.Draw(canvas).text(
        (LARGE / 2, LARGE / 2),
        LETTERS[random.integers(len(LETTERS))],
        fill=255,
        font=font,
        anchor="mm",
        stroke_width=int(random.integers(0, 5)),
    )
    return _framed_canvas(canvas.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR))


def scribble(random: Random, _: Digits, __: Source) -> Frames:
    """A pen that wanders: many turns, so that hardly any of them is a digit by chance."""
    canvas = Image.new("L", (LARGE, LARGE))
    turns = random.integers(6, 12)
    knots = random.random((turns, 2))
    along = np.linspace(0, turns - 1, 120)
    path = np.stack([np.interp(along, np.arange(turns), side) for side in knots.T], axis=1)
    smooth = np.stack([np.convolve(side, np.ones(5) / 5, mode="valid") for side in path.T], axis=1)
    low, high = smooth.min(axis=0), smooth.max(axis=0)
    scaled = (smooth - low) / (high - low).max() * (LARGE - 24) + 12
    ImageDraw.Draw(canvas).line([*map(tuple, scaled)], fill=255, width=int(random.integers(5, 14)), joint="curve")
    return _framed_canvas(canvas)


def texture(random: Random, _: Digits, __: Source) -> Frames:
    """All over the frame: noise, stripes, squares, blotches or a slope."""
    down, across = np.mgrid[:SIDE, :SIDE]
    angle, wave, phase = random.uniform(0, np.pi), random.uniform(2, 14), random.uniform(0, 2 * np.pi)
    along = down * np.sin(angle) + across * np.cos(angle)
    square = max(2, int(wave / 2))
    coarse = random.random((6, 6), dtype=np.float32)
    pattern = (
        lambda: random.random((SIDE, SIDE)) ** random.uniform(0.5, 4),
        lambda: (np.sin(along * 2 * np.pi / wave + phase) + 1) / 2,
        lambda: (down // square + across // square) % 2,
        lambda: np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) > random.random(),
        lambda: (along - along.min()) / np.ptp(along),
    )[random.integers(5)]()
    return _bytes(pattern * random.uniform(100, 255))


def several_digits(random: Random, digits: Digits, _: Source) -> Frames:
    """Two or three side by side, as where a number is taken for one digit."""
    chosen = digits.images[random.integers(len(digits.images), size=random.integers(2, 4))]
    close = [_without_margin(image) for image in chosen]
    gap = random.integers(0, 4)
    height, width = max(len(image) for image in close), sum(image.shape[1] + gap for image in close) - gap
    row = np.zeros((height, width), np.float32)
    left = 0
    for image in close:
        top = (height - len(image)) // 2
        row[top : top + len(image), left : left + image.shape[1]] = image
        left += image.shape[1] + gap
    return _framed(row.astype(np.float32))


def blank(random: Random, _: Digits, __: Source) -> Frames:
    """Hardly anything: specks, faint grain, or the edge of a form's box."""
    frame = np.zeros((SIDE, SIDE))
    match random.integers(3):
        case 0:
            rows, columns = random.integers(0, SIDE, (2, random.integers(1, 8)))
            frame[rows, columns] = random.uniform(60, 255)
        case 1:
            frame = np.abs(random.normal(0, random.uniform(3, 25), (SIDE, SIDE)))
        case _:
            edge, width = random.integers(0, 3), random.integers(1, 3)
            frame[edge : edge + width] = random.uniform(100, 255)
            frame[:, edge : edge + width] = random.uniform(100, 255)
            frame = np.rot90(frame, int(random.integers(4)))
    return _bytes(frame)


KINDS: dict[str, Callable[[Random, Digits, Source], Frames]] = {
    "letters": letter,
    "scribbles": scribble,
    "textures": texture,
    "several digits": several_digits,
    "blank": blank,
}


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"), 80)


def _framed(ink: NDArray[np.float32]) -> Frames:
    return centre(fit(ink, PREPARATION)[0], PREPARATION)


def _framed_canvas(canvas: Image.Image) -> Frames:
    """Light ink on black of any size -> a frame, as MNIST's are made."""
    return _framed(_without_margin(np.asarray(canvas)))


def _without_margin(grey: Frames) -> Ink:
    rows, columns = (np.flatnonzero((grey > 40).any(axis=axis)) for axis in (1, 0))
    cut = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut.astype(np.float32)


def _bytes(grey: NDArray[Any]) -> Frames:
    frame: Frames = np.rint(grey.clip(0, 255)).astype(np.uint8)
    return frame
