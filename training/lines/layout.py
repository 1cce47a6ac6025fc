"""Where the characters of a line stand, how large and how slanted."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.lines.glyphs import HEIGHT, INK, Canvas, Glyph, Linear, Random
from training.lines.hands import Hand

NEAR = HEIGHT // 8  # rows: ink that is so near above or below counts as beside
FAR = 10_000  # pixels: no ink in a row
UNDER = 0.15  # heights that a character may reach under or over the one before, where rows leave room
OVERLAP = (-0.15, -0.02)  # heights between neighbours that touch
GAP_SPREAD = 0.4  # as a part of the gap


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
    )
    match kind:
        case "touching":
            return neat._replace(gap=random.uniform(0, 0.2), touching=random.uniform(0.5, 1))
        case "joined":
            return neat._replace(gap=random.uniform(-0.05, 0.35), joined=random.uniform(0.3, 0.8))
        case "sloppy":
            steepest = min(np.radians(8), 2 / characters)
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
    for character in raw:
        glyph = hand.write(character, _linear(manner, random), random)
        before = placed[-1] if placed else None
        joined = before is not None and _may_join(before, character, manner, random)
        touching = not joined and random.random() < manner.touching
        gap, near = (random.uniform(*OVERLAP), 0) if touching else (_gap(raw, len(placed), manner, random), NEAR)
        end = before.corner[0] + before.glyph.ink.shape[1] if before else 0
        y = glyph.top + round(random.normal(0, manner.rise_spread) * HEIGHT + end * np.tan(manner.slope))
        after = [_after(one, glyph, y, near) for one in placed[-2:]]  # a mark is low: what is before it counts, too
        if after:
            after[-1] += round(gap * HEIGHT)
        placed.append(Placed(character, glyph, np.array([max(after, default=0), y]), joined))
    return placed


def _gap(raw: str, place: int, manner: Manner, random: Random) -> float:
    """Before that character, in heights; marks stand closer than digits do."""
    beside_mark = not raw[max(0, place - 1) : place + 1].isdigit()
    return manner.gap * random.uniform(1 - GAP_SPREAD, 1 + GAP_SPREAD) * (0.5 if beside_mark else 1)


def _linear(manner: Manner, random: Random) -> Linear:
    size = HEIGHT * random.uniform(1 - manner.size_spread, 1 + manner.size_spread)
    slant = manner.slant + random.normal(0, manner.slant_spread)
    cosine, sine = np.cos(manner.slope), np.sin(manner.slope)
    return size * np.array([[cosine, -sine], [sine, cosine]]) @ [[manner.wide, -slant], [0, 1]]


def _may_join(before: Placed, character: str, manner: Manner, random: Random) -> bool:
    if not (before.character.isdigit() and character.isdigit()) or manner.joined == 0:
        return False
    return random.random() < (0.9 if before.character == character == "0" else manner.joined)


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
