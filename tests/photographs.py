"""Pictures of handwriting as people send them, drawn by rule: pens, paper, light, cameras, screens and file formats.

The masks that are written with are the project's own strokes, or MNIST's digits made smooth again.
"""

import io
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes

Mask = NDArray[np.float32]  # [H, W], 0 paper .. 1 ink
Picture = NDArray[np.float32]  # [H, W, 3], 0..255
Random = np.random.Generator

SIDE = 160  # pixels of a mask
PENS = {
    "black": (25, 25, 28),
    "blue": (30, 50, 150),
    "red": (190, 35, 40),
    "green": (25, 110, 60),
    "purple": (100, 40, 130),
    "orange": (225, 120, 30),
    "light blue": (70, 130, 210),
}
PENCIL = (105, 105, 110)
RULES = ((130, 160, 210), (150, 150, 155), (110, 140, 190), (210, 140, 140))
BORDERS = ((40, 40, 40), (120, 120, 130), (200, 90, 80), (90, 130, 200))
PHOTOGRAPHED = ("photo", "ruled", "squared", "boxed", "pencil", "blackboard")
KINDS = (*PHOTOGRAPHED, "scan", "canvas", "alpha", "tight", "tiny")
WEAK = {"photo": 0.8, "blackboard": 0.6, "canvas": 0.9}
"""What share of the paper's light ink takes, on pictures where nothing but it is to be seen."""
LETTERS = "ACEFHKLMNPRUVWXYadefhkmnprtuvwx"  # without those that may be digits: O, I, l, S, Z, B, b, g, q, c ...
PLOTTED = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
SIZES = (96, 160, 240, 400, 1000)
GRAIN = np.random.default_rng(0).standard_normal(1 << 23, np.float32)


class Written(NamedTuple):
    """One mask, and where it stands: its height and the middle of its box, in pixels."""

    mask: Mask
    height: float
    x: float
    y: float


@cache
def of_strokes(digit: int, width: float = 2.8, slant: float = 0.0) -> Mask:
    return strokes.render(digit, size=SIDE, width=width, slant=slant).astype(np.float32) / 255


def of_mnist(frame: NDArray[np.uint8]) -> Mask:
    """uint8 [28, 28] as the pen may have drawn it, before it was made so small."""
    large = cv2.resize(frame.astype(np.float32) / 255, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    smooth: Mask = ((cv2.GaussianBlur(large, (0, 0), 3.0) - 0.42) * 8 + 0.5).clip(0, 1)
    return smooth


def single(mask: Mask, kind: str, random: Random, *, strength: float = 1.0) -> bytes:
    """A file with one digit, anywhere in it and of any size; of weak ink there is less than a pen leaves."""
    mask = by_another_hand(mask, random) * strength
    if kind == "tight":
        return encoded(tight(mask, random), kind, random)
    shape, tall = _sheet(mask, kind, random)
    x, y = (_anywhere(size, own, random) for size, own in zip(shape[::-1], (_wide(mask, tall), tall), strict=True))
    return encoded(picture([Written(mask, tall, x, y)], kind, shape, random), kind, random)


def blank(kind: str, random: Random) -> bytes:
    """Paper that nobody has written on."""
    side = int(random.choice(SIZES))
    return encoded(picture([], kind, (side, round(side * random.uniform(0.75, 1.33))), random), kind, random)


def faint(mask: Mask, kind: str, random: Random) -> bytes:
    """A digit that can be made out, but hardly: it takes about a tenth of the paper's light. `kind` is one of WEAK."""
    return single(mask, kind, random, strength=random.uniform(0.1, 0.15) / WEAK[kind])


def clipped(mask: Mask, kind: str, random: Random) -> bytes:
    """A digit of which a border of the picture cuts off a quarter to a half."""
    mask = by_another_hand(mask, random)
    (height, width), tall = _sheet(mask, kind, random)
    wide, cut = _wide(mask, tall), random.uniform(0.25, 0.5)
    x, y = _anywhere(width, wide, random), _anywhere(height, tall, random)
    match random.integers(4):
        case 0:
            x = wide * (0.5 - cut)
        case 1:
            x = width - wide * (0.5 - cut)
        case 2:
            y = tall * (0.5 - cut)
        case _:
            y = height - tall * (0.5 - cut)
    return encoded(picture([Written(mask, tall, x, y)], kind, (height, width), random), kind, random)


def number(masks: Sequence[Mask], kind: str, random: Random, *, gap: float) -> bytes:
    """A file with digits in one row, by one hand; `gap`, between them, is in parts of their height."""
    slant, pen = random.uniform(-0.2, 0.25), random.uniform(-2.5, 5)
    cut = [_hand(mask, pen, slant + random.uniform(-0.08, 0.08), 0, random.uniform(0.85, 1.1)) for mask in masks]
    height = int(random.choice([60, 120, 240, 500]))
    tall = height * random.uniform(0.3, 0.65)
    heights = [tall * random.uniform(0.85, 1.1) for _ in cut]
    widths = [own * mask.shape[1] / mask.shape[0] for own, mask in zip(heights, cut, strict=True)]
    left = tall * random.uniform(0.3, 1.2)
    width = int(left + sum(widths) + gap * tall * (len(cut) - 1) + tall * random.uniform(0.3, 1.2))
    middle, tilt = height / 2 + random.uniform(-0.1, 0.1) * height, random.uniform(-0.04, 0.04)
    row = []
    for mask, own, wide in zip(cut, heights, widths, strict=True):
        row.append(
            Written(mask, own, left + wide / 2, middle + random.uniform(-0.05, 0.05) * tall + tilt * (left - width / 2))
        )
        left += wide + gap * tall * (random.uniform(0.7, 1.3) if gap > 0 else 1)
    return encoded(picture(row, kind, (height, width), random), kind, random)


def with_a_marker(digit: int, random: Random) -> bytes:
    """A photo of a digit in strokes up to a quarter as wide as it is high, that fills most of the picture."""
    mask = _hand(of_strokes(digit, 4.0, random.uniform(-0.2, 0.3)), random.uniform(5, 14), 0, 0, 1)
    side = int(random.choice(SIZES))
    written = Written(mask, side * random.uniform(0.5, 0.9), side / 2, side / 2)
    return encoded(picture([written], "photo", (side, side), random), "photo", random)


def on_desk(mask: Mask, random: Random) -> bytes:
    """A digit on a sheet that lies askew on something darker, of which one to four sides are to be seen."""
    mask = by_another_hand(mask, random)
    shape, tall = _sheet(mask, "photo", random)
    x, y = (_anywhere(size, own, random) for size, own in zip(shape[::-1], (_wide(mask, tall), tall), strict=True))
    written = blended(
        paper(shape, random.uniform(190, 250), random), placed(Written(mask, tall, x, y), shape), _pen(random), 0.9
    )
    desk = paper(shape, random.uniform(20, 120, 3), random) + 8 * clouds(shape, 6, random)[..., None]
    height, width = shape
    left, top, right, bottom = (random.uniform(0.03, 0.14) * min(shape) * (random.random() < 0.6) for _ in range(4))
    if not any((left, top, right, bottom)):
        left = 0.1 * min(shape)
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    laid = np.array([[left, top], [width - right, top], [width - right, height - bottom], [left, height - bottom]])
    askew = (laid + random.uniform(-0.03, 0.03, (4, 2)) * min(shape)).astype(np.float32)
    moved = cv2.getPerspectiveTransform(whole, askew)
    sheet = cv2.warpPerspective(written.astype(np.float32), moved, (width, height))
    covered = cv2.warpPerspective(np.ones(shape, np.float32), moved, (width, height))[..., None]
    seen = photographed(sheet * covered + desk * (1 - covered), random, light=0.8, camera=1)
    return encoded(seen, "photo", random)


def letter(random: Random) -> Mask:
    """One that nobody takes for a digit, in some pen's strokes: Hershey's letters, which are lines."""
    sheet = np.zeros((SIDE, SIDE), np.uint8)
    text, font = LETTERS[random.integers(len(LETTERS))], int(random.choice(PLOTTED))
    (wide, tall), _ = cv2.getTextSize(text, font, 4, 10)
    corner = (SIDE - wide) // 2, (SIDE + tall) // 2
    cv2.putText(sheet, text, corner, font, 4, 255, int(random.integers(8, 18)), cv2.LINE_AA)
    return sheet.astype(np.float32) / 255


def scribble(random: Random) -> Mask:
    """A pen that turns often, and crosses its own way."""
    knots = random.uniform(0.15, 0.85, (int(random.integers(12, 20)), 2)) * SIDE
    along = np.linspace(0, len(knots) - 1, 200)
    sides = [np.interp(along, np.arange(len(knots)), side) for side in knots.T]
    path = np.stack([np.convolve(side, np.ones(9) / 9, "valid") for side in sides])
    sheet = np.zeros((SIDE, SIDE), np.uint8)
    cv2.polylines(sheet, [np.rint(path.T).astype(np.int32)], False, 255, int(random.integers(5, 9)), cv2.LINE_AA)
    return sheet.astype(np.float32) / 255


def by_another_hand(mask: Mask, random: Random) -> Mask:
    """Thicker or thinner, slanted, turned and wider; cut to its ink."""
    return _hand(
        mask,
        random.uniform(-2.5, 6),
        random.uniform(-0.3, 0.3),
        math.radians(random.uniform(-12, 12)),
        random.uniform(0.75, 1.2),
    )


def _hand(mask: Mask, thicker: float, slant: float, turn: float, wide: float) -> Mask:
    size = 2 * max(1, round(abs(thicker))) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    if thicker > 1:
        mask = cv2.dilate(mask, disc)
    elif thicker < -1 and (thin := cv2.erode(mask, disc)).sum() > 0.45 * mask.sum():
        mask = thin
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ [[wide, slant], [0, 1]]
    middle = np.full(2, SIDE / 2)
    moved = np.hstack([turned, (middle - turned @ middle)[:, None]])
    mask = cv2.warpAffine(mask, moved, (SIDE, SIDE))
    rows, columns = (np.flatnonzero((mask > 0.3).any(axis=axis)) for axis in (1, 0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def picture(written: Sequence[Written], kind: str, shape: tuple[int, int], random: Random) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], or [H, W, 4] where the paper is transparent."""
    ink = np.zeros(shape, np.float32)
    for one in written:
        np.maximum(ink, placed(one, shape), out=ink)
    tall = max((one.height for one in written), default=shape[0] / 2)
    if kind == "alpha":
        return transparent(ink, random)
    if kind in {"canvas", "tiny"}:
        return _bytes(screen(ink, random))
    if kind == "blackboard":
        return photographed(blackboard(ink, random), random, light=0.5, camera=0.6)
    if kind == "scan":
        return _bytes(scan(ink, tall, random))
    sheet = paper(shape, random.uniform(190, 250) + random.uniform(-15, 15, 3) * (random.random() < 0.5), random)
    line = max(1.0, tall * random.uniform(0.01, 0.035))
    if kind in {"ruled", "squared"}:
        sheet = ruled(sheet, tall * random.uniform(0.35, 1.1), line, random, squared=kind == "squared")
    if kind == "boxed":
        sheet = boxed(sheet, written, line, random)
    if kind == "pencil":
        grain = (0.85 + 0.35 * clouds(shape, max(shape) / 2, random)).clip(0, 1)
        sheet = blended(sheet, ink * grain, PENCIL, random.uniform(0.55, 0.9))
    else:
        sheet = blended(sheet, ink, _pen(random), random.uniform(0.85, 1))
    return photographed(in_perspective(sheet, random), random, light=0.8, camera=1)


def placed(written: Written, shape: tuple[int, int]) -> Mask:
    """The mask alone on paper of that shape; what does not fit is cut off."""
    scale = written.height / written.mask.shape[0]
    size = max(2, round(written.mask.shape[1] * scale)), max(3, round(written.height))
    small = cv2.resize(written.mask, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC).clip(0, 1)
    left, top = round(written.x - size[0] / 2), round(written.y - size[1] / 2)
    sheet = np.zeros(shape, np.float32)
    first, last = (max(top, 0), max(left, 0)), (min(top + size[1], shape[0]), min(left + size[0], shape[1]))
    sheet[first[0] : last[0], first[1] : last[1]] = small[
        first[0] - top : last[0] - top, first[1] - left : last[1] - left
    ]
    return sheet


def tight(mask: Mask, random: Random) -> NDArray[np.uint8]:
    """Black and white, few pixels, and not one of paper around."""
    height = int(random.choice([16, 20, 32, 64]))
    size = max(4, round(height * mask.shape[1] / mask.shape[0])), height
    ink = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.where(cut == (random.random() < 0.5), 0, 255).astype(np.uint8)


def screen(ink: Mask, random: Random) -> Picture:
    """Drawn on a tablet, on a light ground or a dark one."""
    dark = random.random() < 0.4
    ground = random.uniform(0, 40, 3) if dark else random.uniform(215, 255, 3)
    if random.random() < 0.6:
        ground = np.full(3, 0.0 if dark else 255.0)
    return blended(
        np.full((*ink.shape, 3), ground, np.float32), ink, random.uniform(180, 255, 3) if dark else _pen(random), 1
    )


def transparent(ink: Mask, random: Random) -> NDArray[np.uint8]:
    """Ink alone; what colour lies under the transparent pixels is anybody's guess."""
    colour = [(0, 0, 0), (255, 255, 255), PENS["blue"], PENS["red"]][random.integers(4)]
    under = 255 * random.integers(2)
    colours = np.where((ink > 0)[..., None], colour, under)
    return np.dstack([colours, np.rint(ink * 255)]).astype(np.uint8)


def blackboard(ink: Mask, random: Random) -> Picture:
    board = paper(ink.shape, random.uniform(25, 70) + random.uniform(-8, 20) * np.array([-0.3, 1, 0.2]), random)
    chalk = ink * (0.85 + 0.25 * clouds(ink.shape, max(ink.shape) / 3, random)).clip(0, 1)
    return blended(board, chalk, (225, 225, 220), 0.9)


def scan(ink: Mask, tall: float, random: Random) -> Picture:
    sheet = blended(
        paper(ink.shape, random.uniform(235, 255), random), ink, random.uniform(20, 150), random.uniform(0.6, 1)
    )
    sheet += _deep(random.standard_normal(ink.shape, np.float32) * np.float32(random.uniform(0, 8)))
    for _ in range(random.integers(1, 12) if random.random() < 0.4 else 0):
        dirt = int(random.uniform(0, ink.shape[1])), int(random.uniform(0, ink.shape[0]))
        cv2.circle(sheet, dirt, max(1, int(tall * 0.012)), (90, 90, 90), -1)
    return sheet


def paper(shape: tuple[int, ...], colour: Any, random: Random) -> Picture:
    grain = clouds(shape, max(shape) / 2, random) * random.uniform(0, 3) + clouds(shape, 12, random) * random.uniform(
        0, 3
    )
    return cv2.merge([grain + np.float32(channel) for channel in np.broadcast_to(colour, 3)])


def ruled(sheet: Picture, pitch: float, line: float, random: Random, *, squared: bool) -> Picture:
    height, width = sheet.shape[:2]
    lines = _rules(height, pitch, line, random)[:, None].repeat(width, axis=1)
    if squared:
        lines = np.maximum(lines, _rules(width, pitch, line, random)[None])
    sheet = blended(sheet, lines, RULES[random.integers(len(RULES))], random.uniform(0.35, 0.9))
    if random.random() < 0.3:
        margin = (line / 2 + 0.5 - np.abs(np.arange(width) + 0.5 - random.uniform(0.02, 0.3) * width)).clip(0, 1)
        sheet = blended(sheet, margin[None].repeat(height, axis=0).astype(np.float32), (215, 90, 100), 0.8)
    return sheet


def boxed(sheet: Picture, written: Sequence[Written], line: float, random: Random) -> Picture:
    """A printed cell around each, as forms have them: in one row, side by side or apart."""
    tall = max(one.height for one in written)
    away, apart = random.uniform(0.06, 0.25) * tall, random.random() < 0.5
    top = int(min(one.y - one.height / 2 for one in written) - away)
    bottom = int(max(one.y + one.height / 2 for one in written) + away)
    halves = [_wide(one.mask, one.height) / 2 for one in written]
    lefts = [one.x - half for one, half in zip(written, halves, strict=True)]
    rights = [one.x + half for one, half in zip(written, halves, strict=True)]
    starts, ends = [lefts[0] - away], []
    for right, left in zip(rights, lefts[1:], strict=False):
        gap = min(0.3 * (left - right), away) if apart else (left - right) / 2
        ends.append(right + gap)
        starts.append(left - gap)
    ends.append(rights[-1] + away)
    border = np.zeros(sheet.shape[:2], np.float32)
    for start, end in zip(starts, ends, strict=True):
        cv2.rectangle(border, (int(start), top), (int(end), bottom), 1.0, max(1, round(line)), cv2.LINE_AA)
    return blended(sheet, border, BORDERS[random.integers(len(BORDERS))], random.uniform(0.5, 1))


def in_perspective(sheet: Picture, random: Random) -> Picture:
    height, width = sheet.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + random.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * min(height, width)
    most = min(6, math.degrees(math.atan(0.2 * height / width)))  # else a long number would leave the picture
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-most, most), 1), [0, 0, 1]])
    return cv2.warpPerspective(
        sheet, turn @ cv2.getPerspectiveTransform(corners, moved), (width, height), borderMode=cv2.BORDER_REPLICATE
    )


def photographed(sheet: Picture, random: Random, *, light: float, camera: float) -> NDArray[np.uint8]:
    """Lit unevenly, out of focus a little, with a tint and noise; both amounts are 0 for none and 1 for much."""
    lit = sheet * _deep(lighting(sheet.shape[:2], light, random))
    blur = max(0.01, random.uniform(0.2, 1.3) * camera * max(1, min(sheet.shape[:2]) / 400))
    seen = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), blur)
    seen *= (1 + random.uniform(-0.06, 0.06, 3) * camera).astype(np.float32)
    seen += grain(seen.shape, random) * np.float32(random.uniform(0, 9) * camera)
    return _bytes(seen)


def grain(shape: tuple[int, ...], random: Random) -> Picture:
    """Normal numbers, independent within a picture: a stretch of a long row of them, as drawing them anew takes half of
    all the time in here.
    """
    count = math.prod(shape)
    if count > GRAIN.size:
        return random.standard_normal(shape, np.float32)
    start = random.integers(GRAIN.size - count + 1)
    return GRAIN[start : start + count].reshape(shape)


def lighting(shape: tuple[int, ...], strength: float, random: Random) -> Mask:
    """A gradient, often a shadow with an edge, and unevenness: factors [H, W]."""
    down, across = (side.astype(np.float32) / max(shape) for side in np.ogrid[: shape[0], : shape[1]])
    down, across = down - down.mean(), across - across.mean()

    def towards(angle: float) -> Mask:
        return math.cos(angle) * across + math.sin(angle) * down

    factors = 1 + strength * towards(random.uniform(0, 2 * math.pi)) * random.uniform(0.2, 1.1)
    if random.random() < min(0.6, 1.2 * strength):
        border = towards(random.uniform(0, 2 * math.pi)) - random.uniform(-0.35, 0.35) + 0.04 * clouds(shape, 4, random)
        shadow = 1 / (1 + np.exp((-border / random.uniform(0.01, 0.15)).clip(-30, 30)))
        factors = factors * (1 - random.uniform(0.15, 0.55) * shadow)
    lit: Mask = (factors * (1 + 0.05 * strength * clouds(shape, 3, random))).clip(0.15, 1.5)
    return lit


def clouds(shape: tuple[int, ...], cells: float, random: Random) -> Mask:
    """Smooth noise with so many cells along the longer side: normal numbers [H, W]."""
    coarse = [max(2, round(cells * side / max(shape)) + 2) for side in shape[:2]]
    knots = random.standard_normal(coarse).astype(np.float32)
    smooth: Mask = cv2.resize(knots, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return smooth


def blended(sheet: Picture, layer: Mask, colour: Any, opacity: float) -> Picture:
    mixed: Picture = cv2.subtract((*np.broadcast_to(colour, 3).astype(float), 0), sheet)
    mixed *= _deep(layer * np.float32(opacity))
    mixed += sheet
    return mixed


def encoded(pixels: NDArray[np.uint8], kind: str, random: Random) -> bytes:
    """A JPEG of any quality where it is a photograph, and sometimes of a scan; else a PNG."""
    file = io.BytesIO()
    if kind in PHOTOGRAPHED or (kind == "scan" and random.random() < 0.5):
        Image.fromarray(pixels).save(file, "JPEG", quality=int(random.integers(45, 95)))
    else:
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)  # quick, and of the same pixels
    return file.getvalue()


def _sheet(mask: Mask, kind: str, random: Random) -> tuple[tuple[int, int], float]:
    """Height and width of a sheet, and the height of what stands on it, in pixels."""
    side = int(random.choice([16, 20, 24, 28, 32, 48] if kind == "tiny" else SIZES))
    width = max(16, round(side * random.uniform(0.75, 1.33)))
    tall = side * (random.uniform(0.6, 0.92) if kind == "tiny" else random.uniform(0.25, 0.8))
    return (side, width), tall * min(1, 0.9 * width / _wide(mask, tall))


def _wide(mask: Mask, tall: float) -> float:
    return tall * mask.shape[1] / mask.shape[0]


def _anywhere(size: float, own: float, random: Random) -> float:
    return size / 2 + random.uniform(-1, 1) * max(0, 0.44 * size - own / 2)


def _rules(length: int, pitch: float, line: float, random: Random) -> Mask:
    """How much of each pixel along a side lies on a line."""
    away = (np.arange(length) + 0.5 - random.uniform(0, pitch)) % pitch
    rules: Mask = (line / 2 + 0.5 - np.minimum(away, pitch - away)).clip(0, 1).astype(np.float32)
    return rules


def _pen(random: Random) -> tuple[int, int, int]:
    return list(PENS.values())[random.integers(len(PENS))]


def _deep(layer: Mask) -> Picture:
    """The same in all three colours: what broadcasting does too, but in a fifth of the time."""
    return cv2.merge((layer, layer, layer))


def _bytes(sheet: Picture) -> NDArray[np.uint8]:
    return cv2.convertScaleAbs(np.maximum(sheet, 0))  # which rounds, too
