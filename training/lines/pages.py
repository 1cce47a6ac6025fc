"""Composed lines of ink -> pictures as people send them: a number on paper of a kind, photographed or scanned."""

from typing import NamedTuple

import cv2
import numpy as np

from app.imaging.arrays import Pixels
from app.imaging.boxes import Box
from training.lines.cameras import Mask, Random, Sheet, clouds, photographed, scanned, shown
from training.lines.compose import Line
from training.lines.glyphs import HEIGHT
from training.lines.prints import PRINTS, Place, inked

KINDS = tuple(PRINTS)
SMALLEST, LARGEST = 20, 200  # pixels: how high digits are
AROUND = 0.4, 1.6  # of their height: how much paper is left at each side of the number,
BEYOND = 3.0  # and at its right at most
PENS = ((25, 25, 28), (30, 50, 150), (20, 30, 90), (190, 35, 40), (25, 110, 60), (100, 40, 130), (70, 130, 210))
PENCIL, PENCILLED = (100, 100, 105), 0.15  # its colour, and how often it is what writes
SHARPEST = 3.0  # by which a slope of ink is made steeper where it was made larger
TINTED = 0.3  # part of the paper that is not white


class Look(NamedTuple):
    """Colours of paper and of ink, 0 to 255, and how much ink covers."""

    paper: tuple[float, ...]
    ink: tuple[float, ...]
    covers: float
    grain: float
    """How much of a pencil's ink the paper's grain takes."""


def page(line: Line, kind: str, random: Random) -> Pixels:
    """uint8 [H, W, 3]; `kind` is one of KINDS. Nothing on it is written by hand but the line."""
    tall = float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST))))
    ink, box = laid(line, tall, random)
    look = _on_screen(random) if kind == "screen" else _on_paper(kind, random)
    sheet = _paper(ink.shape, look, kind, random)
    sheet = PRINTS[kind](sheet, Place(box, tall), random)
    texture = 1 - look.grain * np.abs(clouds(ink.shape, max(ink.shape) / 2, random)) if look.grain else 1
    sheet = inked(sheet, (ink * texture).clip(0, 1).astype(np.float32), look.ink, look.covers)
    if kind == "screen":
        return shown(sheet, tall, random)
    by_scanner = kind == "scan" or (kind != "photo" and random.random() < 0.4)
    return (scanned if by_scanner else photographed)(sheet, tall, random)


def laid(line: Line, tall: float, random: Random) -> tuple[Mask, Box]:
    """The ink so large that digits are `tall` pixels high, with paper around it, [H, W], and the number's box there."""
    scale = tall / HEIGHT
    size = [max(1, round(side * scale)) for side in line.ink.shape[::-1]]
    ink = cv2.resize(line.ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if scale > 1:  # a pen's edge stays as sharp as it is
        ink = (cv2.GaussianBlur(ink, (0, 0), scale / 2) - 0.5) * min(scale, SHARPEST) + 0.5
    left, top, right, bottom = (round(tall * random.uniform(*AROUND)) for _ in range(4))
    if random.random() < 0.3:
        right = round(tall * random.uniform(AROUND[0], BEYOND))
    box = Box(*(round(side * scale) for side in line.box))
    moved = np.array([[1, 0, left - box.left], [0, 1, top - box.top]], np.float32)
    laid: Mask = cv2.warpAffine(ink.clip(0, 1), moved, (left + box.width + right, top + box.height + bottom))
    return laid, Box(left, top, left + box.width, top + box.height)


def _on_paper(kind: str, random: Random) -> Look:
    white = random.uniform(235, 255) if kind == "scan" else random.uniform(195, 252)
    tint = random.uniform(-18, 18, 3) if kind == "cheque" or random.random() < TINTED else np.zeros(3)
    paper = tuple((white + tint).clip(0, 255).tolist())
    if random.random() < PENCILLED:
        return Look(paper, PENCIL, random.uniform(0.55, 0.9), 0.25)
    return Look(paper, PENS[random.integers(len(PENS))], random.uniform(0.8, 1), 0)


def _on_screen(random: Random) -> Look:
    """Dark on light, or light on dark."""
    if random.random() < 0.35:
        return Look(tuple(random.uniform(0, 45, 3).tolist()), tuple(random.uniform(180, 255, 3).tolist()), 1, 0)
    light = random.choice([255.0, random.uniform(215, 255)])
    return Look((light, light, light), PENS[random.integers(len(PENS))], 1, 0)


def _paper(shape: tuple[int, ...], look: Look, kind: str, random: Random) -> Sheet:
    sheet = np.empty((*shape, 3), np.float32)
    sheet[:] = look.paper
    if kind != "screen":
        sheet += (random.uniform(0, 3) * clouds(shape, max(shape) / 2, random))[..., None]
        sheet += (random.uniform(0, 3) * clouds(shape, 12, random))[..., None]
    return sheet
