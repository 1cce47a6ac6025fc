"""What is printed on paper around and behind a number: lines, boxes, patterns against forgery, and words."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.imaging.boxes import Box
from training.lines.cameras import Mask, Random, Sheet

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")  # Matplotlib's own
CURRENCIES = ("EUR", "CHF", "USD", "GBP", "Fr.", "$", "€", "£")
WORDS = ("Amount", "Montant", "Betrag", "Total", "Date", "No.", "Ref.", "Pay to", "Konto", "Importe", "Bank", "Name")
INKS = ((40, 40, 40), (110, 110, 120), (190, 90, 80), (80, 120, 190), (90, 140, 110))
RULES = ((130, 160, 210), (150, 150, 155), (110, 140, 190), (210, 140, 140))
GUILLOCHES = ((150, 190, 165), (160, 180, 215), (215, 175, 170), (200, 190, 150), (185, 170, 205))
MARGIN = (215, 90, 100)


class Place(NamedTuple):
    """Where the number stands on a sheet, in pixels."""

    box: Box
    """Around its ink."""
    tall: float
    """Of its digits."""

    def line(self, random: Random) -> float:
        """How thick a printed line is."""
        return max(1.0, self.tall * random.uniform(0.01, 0.035))


def inked(sheet: Sheet, layer: Mask, colour: tuple[float, ...], opacity: float) -> Sheet:
    """The sheet with a layer of ink on it."""
    return sheet + (np.array(colour, np.float32) - sheet) * (layer * np.float32(opacity))[..., None]


def _nothing(sheet: Sheet, _: Place, __: Random) -> Sheet:
    return sheet


def _ruled(sheet: Sheet, place: Place, random: Random) -> Sheet:
    """Lines from side to side, sometimes with a margin's."""
    height, width = sheet.shape[:2]
    pitch, line = place.tall * random.uniform(0.5, 1.6), place.line(random)
    lines = _rules(height, pitch, line, random)[:, None].repeat(width, axis=1)
    sheet = inked(sheet, lines, RULES[random.integers(len(RULES))], random.uniform(0.3, 0.9))
    if random.random() < 0.3:
        at = random.uniform(0.02, 0.98) * place.box.left
        margin = (line / 2 + 0.5 - np.abs(np.arange(width) + 0.5 - at)).clip(0, 1).astype(np.float32)
        sheet = inked(sheet, margin[None].repeat(height, axis=0), MARGIN, 0.8)
    return sheet


def _squared(sheet: Sheet, place: Place, random: Random) -> Sheet:
    height, width = sheet.shape[:2]
    pitch, line = place.tall * random.uniform(0.35, 1.1), place.line(random)
    lines = np.maximum(_rules(height, pitch, line, random)[:, None], _rules(width, pitch, line, random)[None])
    return inked(sheet, lines, RULES[random.integers(len(RULES))], random.uniform(0.3, 0.9))


def _boxed(sheet: Sheet, place: Place, random: Random) -> Sheet:
    """One box around the number, as for an amount."""
    layer = np.zeros(sheet.shape[:2], np.float32)
    away = place.tall * random.uniform(0.06, 0.35, 4)
    _rectangle(layer, _around(place.box, away), place.line(random))
    return inked(sheet, layer, INKS[random.integers(len(INKS))], random.uniform(0.5, 1))


def _form(sheet: Sheet, place: Place, random: Random) -> Sheet:
    """A field that is wider than its number, often of another shade, and what it is for, above it or at its left."""
    room = sheet.shape[1] - place.box.right
    away = place.tall * random.uniform(0.1, 0.35, 4) + np.array([0, 0, random.uniform(0, 0.9) * room, 0])
    field = _around(place.box, away)
    layer, filled = np.zeros((2, *sheet.shape[:2]), np.float32)
    if random.random() < 0.5:
        cv2.rectangle(filled, *_corners(field), 1, cv2.FILLED)
        sheet = inked(sheet, filled, (255, 255, 255), random.uniform(-0.3, 0.6))
    _rectangle(layer, field, place.line(random))
    small = place.tall * random.uniform(0.15, 0.35)
    word, gap = _word(WORDS[random.integers(len(WORDS))], small, random), round(0.3 * small) + 2
    if random.random() < 0.7:
        _stamp(layer, word, field.left, field.top - gap - len(word))
    else:
        _stamp(layer, word, field.left - gap - word.shape[1], field.bottom - gap - len(word))
    return inked(sheet, layer, INKS[random.integers(len(INKS))], random.uniform(0.5, 1))


def _cheque(sheet: Sheet, place: Place, random: Random) -> Sheet:
    """Tinted, with a pattern against forgery, a line at the number's feet, and a word or a currency beside it."""
    for _ in range(random.integers(1, 3)):
        colour = GUILLOCHES[random.integers(len(GUILLOCHES))]
        sheet = inked(sheet, guilloche(sheet.shape[:2], place.tall, random), colour, random.uniform(0.15, 0.7))
    layer = np.zeros(sheet.shape[:2], np.float32)
    if random.random() < 0.8:
        _base_line(layer, place, random)
    if random.random() < 0.5:
        currency = _word(CURRENCIES[random.integers(len(CURRENCIES))], place.tall * random.uniform(0.35, 0.8), random)
        gap = place.tall * random.uniform(0.2, 0.6)
        _stamp(layer, currency, round(place.box.left - gap) - currency.shape[1], place.box.bottom - len(currency))
    if random.random() < 0.5:
        word = _word(WORDS[random.integers(len(WORDS))], place.tall * random.uniform(0.15, 0.35), random)
        top = place.box.top - round(place.tall * random.uniform(0.15, 0.4)) - len(word)
        _stamp(layer, word, round(random.uniform(0, place.box.right)), top)
    return inked(sheet, layer, INKS[random.integers(len(INKS))], random.uniform(0.5, 1))


PRINTS: Mapping[str, Callable[[Sheet, Place, Random], Sheet]] = {
    "scan": _nothing,
    "photo": _nothing,
    "ruled": _ruled,
    "squared": _squared,
    "boxed": _boxed,
    "cheque": _cheque,
    "form": _form,
    "screen": _nothing,
}
"""By the kind of page."""


def _rules(length: int, pitch: float, line: float, random: Random) -> Mask:
    """How much of each pixel along a side lies on a line."""
    away = (np.arange(length) + 0.5 - random.uniform(0, pitch)) % pitch
    rules: Mask = (line / 2 + 0.5 - np.minimum(away, pitch - away)).clip(0, 1).astype(np.float32)
    return rules


def guilloche(shape: tuple[int, ...], tall: float, random: Random) -> Mask:
    """Fine wavy lines side by side, whose waves swell and shrink."""
    down, across = (np.arange(size, dtype=np.float32) / np.float32(tall) for size in shape)  # in heights of digits
    first, second = random.uniform(0.5, 3, 2)
    swelling = np.sin(2 * math.pi * across / first / 4 + random.uniform(0, 6))
    waves = random.uniform(0.05, 0.4) * swelling * np.sin(2 * math.pi * across / first)
    waves = waves + random.uniform(0, 0.3) * np.sin(2 * math.pi * across / second + random.uniform(0, 6))
    pitch = max(random.uniform(0.1, 0.35), 4 / tall)  # or they would run together
    ridges = np.cos(2 * math.pi / pitch * (down[:, None] + waves.astype(np.float32)))
    pattern: Mask = (2 * ridges - random.uniform(0.6, 1.4)).clip(0, 1).astype(np.float32)
    return pattern


def _base_line(layer: Mask, place: Place, random: Random) -> None:
    """Solid or dotted, under the digits' feet or through them."""
    box, tall, line = place.box, place.tall, place.line(random)
    y = round(box.bottom + tall * random.uniform(-0.12, 0.15))
    left, right = round(box.left - tall * random.uniform(0, 1.5)), round(box.right + tall * random.uniform(0, 1.5))
    if random.random() < 0.6:
        cv2.line(layer, (left, y), (right, y), 1, max(1, round(line)), cv2.LINE_AA)
        return
    pitch = max(3, round(tall * random.uniform(0.05, 0.15)))
    for x in range(left, right, pitch):
        cv2.circle(layer, (x, y), max(1, round(line)), 1, cv2.FILLED, cv2.LINE_AA)


def _rectangle(layer: Mask, box: Box, line: float) -> None:
    cv2.rectangle(layer, *_corners(box), 1, max(1, round(line)), cv2.LINE_AA)


def _corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    return (box.left, box.top), (box.right, box.bottom)


def _around(box: Box, away: NDArray[np.float64]) -> Box:
    left, top, right, bottom = (round(float(one)) for one in away)
    return Box(box.left - left, box.top - top, box.right + right, box.bottom + bottom)


def _word(text: str, tall: float, random: Random) -> Mask:
    """As high as its ink, which is about `tall` pixels, 8 at least: smaller ones nobody could read."""
    font = _font(FONTS[random.integers(len(FONTS))], max(8, round(tall * 1.4)))
    left, top, right, bottom = (round(side) for side in font.getbbox(text))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), text, 255, font)
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


def _stamp(layer: Mask, word: Mask, left: int, top: int) -> None:
    """Where there is room for it; else not."""
    height, width = word.shape
    if left >= 0 and top >= 0 and left + width <= layer.shape[1] and top + height <= layer.shape[0]:
        at = layer[top : top + height, left : left + width]
        np.maximum(at, word, out=at)
