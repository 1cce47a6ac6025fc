"""Where the characters of a line stand, how large and how slanted."""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.lines.glyphs import HEIGHT, INK, Canvas, Glyph, Linear, Random
from training.lines.hands import Hand

NEAR = HEIGHT // 8  # rows: ink that is so near above or below counts as beside
FAR = 10_000  # pixels: no ink in a row
UNDER = 0.15  # heights that a character may reach under or over the one before, where rows leave room
OVERLAP = 0.15  # heights that neighbours reach into each other at most, where they touch
ZEROS_JOINED = 0.9  # part of the zeros after a zero, by people who join digits
MOST_RISE = 1.5  # heights, from the first character of a line to its last, where they stand close
RAISED, RAISED_SIZE = 0.4, 0.6  # heights that raised cents stand above the base line, and their size
GAP_SPREAD = 0.4  # as a part of the gap

CENTS = re.compile(r"(?<=[.,])\d\d|(?<=[.,]\d)\d")  # from one of their digits on


class Manner(NamedTuple):
    """How a line is written. Lengths are in heights of a digit, angles in radians, slants right for one up."""

    gap: float
    touching: float
    """Part of the neighbours that touch."""
    joined: float
    """Part of the neighbours with a stroke from one to the next."""
    size_spread: float
    rise_spread: float
    slant: float
    slant_spread: float
    slope: float
    wide: float
    grouped: float
    """More paper before each third digit from the end, where there are no marks."""
    falling: float
    """How far a 4, 7 or 9 reaches under the base line."""
    raised: bool
    """Whether cents are small and high."""


class Placed(NamedTuple):
    """A character on the line."""

    character: str
    glyph: Glyph
    corner: NDArray[np.int64]
    """[2], of its ink: x to the right from the start of the line, y down from its base line."""
    joined: bool
    """With the one before."""


def manner(kind: str, characters: int, random: Random) -> Manner:
    """Any of a kind."""
    neat = Manner(
        gap=random.uniform(0.05, 0.5) if random.random() < 0.85 else random.uniform(0.5, 1.2),
        touching=0,
        joined=0,
        size_spread=random.uniform(0.02, 0.1),
        rise_spread=random.uniform(0.01, 0.05),
        slant=random.normal(0.08, 0.15),
        slant_spread=random.uniform(0, 0.05),
        slope=random.normal(0, 0.02),
        wide=float(np.exp(random.normal(0, 0.16))),
        grouped=random.uniform(0.3, 0.7) if random.random() < 0.15 else 0,
        falling=random.uniform(0.1, 0.35) if random.random() < 0.12 else 0,
        raised=random.random() < 0.15,
    )
    match kind:
        case "touching":
            return neat._replace(gap=random.uniform(0, 0.2), touching=random.uniform(0.6, 1), grouped=0)
        case "joined":
            return neat._replace(gap=random.uniform(-0.05, 0.35), joined=random.uniform(0.3, 0.8), grouped=0)
        case "sloppy":
            steepest = min(np.radians(8), MOST_RISE / characters)
            return neat._replace(
                size_spread=0.3,
                rise_spread=random.uniform(0.05, 0.15),
                slant_spread=random.uniform(0.05, 0.15),
                slope=random.uniform(-steepest, steepest),
            )
    return neat


def laid(raw: str, hand: Hand, manner: Manner, random: Random) -> list[Placed]:
    """Each of the characters."""
    placed: list[Placed] = []
    for place, character in enumerate(raw):
        raised = manner.raised and CENTS.fullmatch(raw, place) is not None
        glyph = hand.write(character, _linear(manner, random) * (RAISED_SIZE if raised else 1), random)
        end = placed[-1].corner[0] + placed[-1].glyph.ink.shape[1] if placed else 0
        rise = random.normal(RAISED if raised else 0, manner.rise_spread) - manner.falling * (character in "479")
        y = glyph.top + round(end * np.tan(manner.slope) - rise * HEIGHT)
        joined = _may_join(raw, place, manner, random)
        touching = _are_digits(raw, place) and not joined and random.random() < manner.touching
        gap, near = (-OVERLAP * random.random() ** 2, 0) if touching else (_gap(raw, place, manner, random), NEAR)
        after = [_after(one, glyph, y, near) for one in placed[-2:]]  # a mark is low: what is before it counts, too
        if after:
            after[-1] += round(gap * HEIGHT)
        placed.append(Placed(character, glyph, np.array([max(after, default=0), y]), joined))
    return placed


def _gap(raw: str, place: int, manner: Manner, random: Random) -> float:
    """Before that character, in heights; marks stand closer than digits do."""
    gap = manner.gap * random.uniform(1 - GAP_SPREAD, 1 + GAP_SPREAD) * (1 if _are_digits(raw, place) else 0.5)
    return gap + manner.grouped * (raw.isdigit() and (len(raw) - place) % 3 == 0)


def _are_digits(raw: str, place: int) -> bool:
    """That one and the one before it."""
    return place > 0 and raw[place - 1 : place + 1].isdigit()


def _linear(manner: Manner, random: Random) -> Linear:
    size = HEIGHT * random.uniform(1 - manner.size_spread, 1 + manner.size_spread)
    slant = manner.slant + random.normal(0, manner.slant_spread)
    cosine, sine = np.cos(manner.slope), np.sin(manner.slope)
    return size * np.array([[cosine, -sine], [sine, cosine]]) @ [[manner.wide, -slant], [0, 1]]


def _may_join(raw: str, place: int, manner: Manner, random: Random) -> bool:
    if not (manner.joined and _are_digits(raw, place)):
        return False
    return random.random() < (ZEROS_JOINED if raw[place - 1 : place + 1] == "00" else manner.joined)


def _after(before: Placed, glyph: Glyph, y: int, near: int) -> int:
    """The x from which on a character on that row stands after that one: there their ink touches."""
    right, left = _profile(before.glyph.ink[:, ::-1], near), _profile(glyph.ink, 0)
    width, first = before.glyph.ink.shape[1], before.corner[1] - near
    top, bottom = max(first, y), min(first + len(right), y + len(left))
    room = right[top - first : bottom - first] + left[top - y : bottom - y] if bottom > top else np.zeros(0)
    under = min(float(room.min(initial=FAR)), UNDER * HEIGHT)
    return int(before.corner[0] + width - under)


def _profile(ink: Canvas, near: int) -> NDArray[np.float32]:
    """[H + 2 * near]: the columns of paper before the first ink of each row, or of rows that are near."""
    solid = ink > INK
    paper = np.where(solid.any(axis=1), solid.argmax(axis=1), FAR).astype(np.float32)
    if not near:
        return paper
    padded = np.pad(paper, near, constant_values=FAR)
    least: NDArray[np.float32] = cv2.erode(padded[:, None], np.ones((2 * near + 1, 1), np.uint8))[:, 0]
    return least
