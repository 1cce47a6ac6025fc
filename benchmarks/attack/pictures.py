"""Drawings that are cheap to say and dear to look at: uint8 [H, W], 0 = ink on 255 = paper."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.imaging import strokes

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Grid = tuple[NDArray[np.int32], NDArray[np.int32]]  # rows [H, 1] and columns [1, W]


def draw(pattern: str, width: int, height: int, *, pitch: int, thick: int, density: float, seed: int) -> Grey:
    """`pitch`: pixels from one stroke to the next; `thick`: of a stroke; `density`: 0..1, of what is random."""
    rows, columns = np.arange(height, dtype=np.int32)[:, None], np.arange(width, dtype=np.int32)[None]
    random = np.random.default_rng(seed)
    if pattern == "gradient":
        return np.broadcast_to((columns * 255 // max(1, width - 1)).astype(np.uint8), (height, width)) + np.uint8(0)
    if pattern == "shades":
        return random.integers(0, max(2, int(256 * density)), (height, width), np.uint8)
    if pattern == "text":
        return _text(width, height, max(8, pitch), random)
    ink = PATTERNS[pattern]((rows, columns), pitch, thick, density, random)
    return np.where(np.broadcast_to(ink, (height, width)), np.uint8(0), np.uint8(255))


def _text(width: int, height: int, size: int, random: np.random.Generator) -> Grey:
    digits = 255 - np.stack([strokes.render(digit, size=size) for digit in range(10)])
    down, across = -(-height // size), -(-width // size)
    lines = digits[random.integers(0, 10, (down, across))].transpose(0, 2, 1, 3)
    return np.ascontiguousarray(lines.reshape(down * size, across * size)[:height, :width])


def _dots(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return (at[0] % pitch < thick) & (at[1] % pitch < thick)


def _checkers(at: Grid, _: int, thick: int, __: float, ___: np.random.Generator) -> Mask:
    return (at[0] // thick + at[1] // thick) % 2 == 0


def _hatch(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return ((at[0] + at[1]) % pitch < thick) | ((at[0] - at[1]) % pitch < thick)


def _diagonals(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return (at[0] + at[1]) % pitch < thick


def _stripes(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return (at[0] % pitch < thick) & (at[1] >= 0)


def _bars(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return (at[1] % pitch < thick) & (at[0] >= 0)


def _grid(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return (at[0] % pitch < thick) | (at[1] % pitch < thick)


def _nested(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    down, across = at[0].size // 2, at[1].size // 2
    return np.maximum(np.abs(at[0] - down), np.abs(at[1] - across)) % pitch < thick


def _arcs(at: Grid, pitch: int, thick: int, density: float, _: np.random.Generator) -> Mask:
    down, across = at[0] - at[0].size / 2, at[1] - at[1].size / 2
    return (np.hypot(down, across) % pitch < thick) & (np.abs(np.arctan2(down, across)) < 3.1 * density)


def _spiral(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    down, across = at[0] - at[0].size / 2, at[1] - at[1].size / 2
    return (np.hypot(down, across) + np.arctan2(down, across) * pitch / (2 * np.pi)) % pitch < thick


def _waves(at: Grid, pitch: int, thick: int, density: float, _: np.random.Generator) -> Mask:
    return (at[0] + np.rint(pitch / 3 * np.sin(at[1] * density)).astype(np.int32)) % pitch < thick


def _comb(at: Grid, pitch: int, thick: int, _: float, __: np.random.Generator) -> Mask:
    return ((at[1] % pitch < thick) & (at[0] % 60 < 50)) | (at[0] % 60 < thick)


def _noise(at: Grid, _: int, thick: int, density: float, random: np.random.Generator) -> Mask:
    small = random.random((-(-at[0].size // thick), -(-at[1].size // thick)), np.float32) < density
    return small.repeat(thick, 0).repeat(thick, 1)[: at[0].size, : at[1].size] if thick > 1 else small


def _sprinkled(at: Grid, pitch: int, thick: int, density: float, random: np.random.Generator) -> Mask:
    """Dots, some of which are missing."""
    return _dots(at, pitch, thick, density, random) & _noise(at, pitch, 1, density, random)


def _blank(at: Grid, _: int, __: int, ___: float, ____: np.random.Generator) -> Mask:
    return (at[0] < 0) & (at[1] < 0)


def _block(at: Grid, _: int, thick: int, density: float, __: np.random.Generator) -> Mask:
    """One thing in the middle, framed by paper."""
    down, across = np.abs(at[0] - at[0].size // 2), np.abs(at[1] - at[1].size // 2)
    return (down < at[0].size * density / 2) & (across < max(thick, at[1].size * density / 2))


PATTERNS: dict[str, Callable[[Grid, int, int, float, np.random.Generator], Mask]] = {
    "dots": _dots,
    "checkers": _checkers,
    "hatch": _hatch,
    "diagonals": _diagonals,
    "stripes": _stripes,
    "bars": _bars,
    "grid": _grid,
    "nested": _nested,
    "arcs": _arcs,
    "spiral": _spiral,
    "waves": _waves,
    "comb": _comb,
    "noise": _noise,
    "sprinkled": _sprinkled,
    "blank": _blank,
    "block": _block,
}
NAMES = (*PATTERNS, "gradient", "shades", "text")
