"""Drawings that are cheap to say and dear to look at: uint8 [H, W], 0 = ink on 255 = paper."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.tasks.digits import strokes

Grey = NDArray[np.uint8]


class Sheet(NamedTuple):
    """Where something is drawn, and how."""

    rows: NDArray[np.int32]  # [H, 1]
    columns: NDArray[np.int32]  # [1, W]
    pitch: int  # pixels from one stroke to the next
    thick: int  # pixels, of a stroke
    density: float  # 0..1, of what is random, and more
    random: np.random.Generator

    def every(self, along: Any) -> Any:
        """Where a stroke is, of those that cross `along` a pitch apart."""
        return along % self.pitch < self.thick

    def from_middle(self) -> tuple[Any, Any]:
        """Pixels down and across."""
        return self.rows - self.rows.size / 2, self.columns - self.columns.size / 2

    def sprinkled(self, side: int) -> Any:
        """Squares of that side, as many of them ink as the density says."""
        shape = -(-self.rows.size // side), -(-self.columns.size // side)
        squares = self.random.random(shape, np.float32) < self.density
        return squares.repeat(side, 0).repeat(side, 1)[: self.rows.size, : self.columns.size] if side > 1 else squares


def draw(pattern: str, width: int, height: int, *, pitch: int, thick: int, density: float, seed: int) -> Grey:
    """One of NAMES. The last four: as of a Sheet."""
    rows, columns = np.arange(height, dtype=np.int32)[:, None], np.arange(width, dtype=np.int32)[None]
    sheet = Sheet(rows, columns, pitch, thick, density, np.random.default_rng(seed))
    drawn = PATTERNS[pattern](sheet)
    grey = drawn if drawn.dtype == np.uint8 else np.where(drawn, np.uint8(0), np.uint8(255))
    return np.ascontiguousarray(np.broadcast_to(grey, (height, width)))


def _arcs(sheet: Sheet) -> Any:
    """Circles inside each other, none of them closed."""
    down, across = sheet.from_middle()
    return sheet.every(np.hypot(down, across)) & (np.abs(np.arctan2(down, across)) < 3.1 * sheet.density)


def _spiral(sheet: Sheet) -> Any:
    down, across = sheet.from_middle()
    return sheet.every(np.hypot(down, across) + np.arctan2(down, across) * sheet.pitch / (2 * np.pi))


def _block(sheet: Sheet) -> Any:
    """One thing in the middle, framed by paper."""
    down, across = sheet.from_middle()
    return (np.abs(down) < sheet.rows.size * sheet.density / 2) & (np.abs(across) < sheet.thick)


def _text(sheet: Sheet) -> Any:
    size = max(8, sheet.pitch)
    down, across = -(-sheet.rows.size // size), -(-sheet.columns.size // size)
    lines = _digits(size)[sheet.random.integers(0, 10, (down, across))].transpose(0, 2, 1, 3)
    return lines.reshape(down * size, across * size)[: sheet.rows.size, : sheet.columns.size]


@lru_cache
def _digits(size: int) -> Grey:
    return 255 - np.stack([strokes.render(digit, size=size) for digit in range(10)])


def _shades(sheet: Sheet) -> Any:
    shape = sheet.rows.size, sheet.columns.size
    return sheet.random.integers(0, max(2, int(256 * sheet.density)), shape, np.uint8)


PATTERNS: dict[str, Callable[[Sheet], Any]] = {  # where ink is, or how bright
    "dots": lambda sheet: sheet.every(sheet.rows) & sheet.every(sheet.columns),
    "checkers": lambda sheet: (sheet.rows // sheet.thick + sheet.columns // sheet.thick) % 2 == 0,
    "hatch": lambda sheet: sheet.every(sheet.rows + sheet.columns) | sheet.every(sheet.rows - sheet.columns),
    "diagonals": lambda sheet: sheet.every(sheet.rows + sheet.columns),
    "stripes": lambda sheet: sheet.every(sheet.rows),
    "bars": lambda sheet: sheet.every(sheet.columns),
    "grid": lambda sheet: sheet.every(sheet.rows) | sheet.every(sheet.columns),
    "nested": lambda sheet: sheet.every(np.maximum(*map(np.abs, sheet.from_middle()))),
    "arcs": _arcs,
    "spiral": _spiral,
    "waves": lambda sheet: sheet.every(sheet.rows + np.rint(sheet.pitch / 3 * np.sin(sheet.columns * sheet.density))),
    "comb": lambda sheet: (sheet.every(sheet.columns) & (sheet.rows % 60 < 50)) | (sheet.rows % 60 < sheet.thick),
    "noise": lambda sheet: sheet.sprinkled(sheet.thick),
    "some dots": lambda sheet: sheet.every(sheet.rows) & sheet.every(sheet.columns) & sheet.sprinkled(1),
    "blank": lambda sheet: sheet.rows < 0,
    "block": _block,
    "text": _text,
    "shades": _shades,
    "gradient": lambda sheet: (sheet.columns * 255 // max(1, sheet.columns.size - 1)).astype(np.uint8),
}
NAMES = tuple(PATTERNS)
