"""Whole numbers: where they stand in a picture, and how they may be cut into digits.

A number is cut more often than it has digits; every run of neighbouring pieces that is not too wide may be a digit. The
model scores all of them in one batch, and `readings` finds the best way through them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from app.errors import NoInk, Undecodable
from app.imaging.decode import Grey, Pixels
from app.imaging.ink import Ink, ink_of
from app.imaging.normalise import centre, fit
from app.imaging.parts import Box, Part, Parts, box_around
from app.imaging.seams import find_seams
from app.imaging.sheet import paint_around
from app.imaging.writing import NOTHING, find_writing

MOST_PARTS, MOST_CUTS = 400, 600  # of a picture; a page full of grain has thousands
MOST_LAYERS = 4  # that boxes around parts may lie over each other, on the whole of a picture
LONGEST = 20  # of the digits' height: what is longer is no row of digits that touch
LOWEST = 6  # pixels; of digits that can be read
MOST_PIECES = 6  # that a digit may be cut into
WIDEST = 1.6  # of its height: what is wider is no one digit
SMALLEST_PART = 0.12  # of the digits' height: what is smaller is no digit
TALL = 0.7  # of the digits' height: so tall a part may be a digit of its own


class Piece(NamedTuple):
    left: int
    top: int
    soft: Ink
    cut: float
    """How much ink lies on the seam at its left, as a share of the digits' height; negative where it stands apart."""


class Candidate(NamedTuple):
    """Pieces from `first` up to, not including, `end`, taken for one digit."""

    first: int
    end: int
    box: Box
    frame: Grey


class Number(NamedTuple):
    """What stands in one row, close together."""

    cuts: list[float]
    """How much ink is cut where each piece begins, as Piece has it."""
    height: float
    """Of its digits, in pixels."""
    candidates: list[Candidate]


def find_numbers(pixels: Pixels) -> list[Number]:
    """Every number in the picture, from top to bottom and left to right. Raises NoInk, Undecodable."""
    writing = find_writing(ink_of(paint_around(pixels)))
    if writing is None:
        raise NoInk(NOTHING)
    parts, soft = writing.parts, writing.soft
    height = _usual_height(parts.found)
    if height < LOWEST:
        raise NoInk(f"what is written is {height:.0f} pixels high; digits need {LOWEST} or more. Send it larger.")
    kept = [part for part in parts.found if _may_be_digits(part, height)]
    _check(len(kept), MOST_PARTS, "parts that may be digits")
    _check(sum(part.box.width * part.box.height for part in kept) // soft.size, MOST_LAYERS, "layers of ink")
    rows = _in_reading_order(_rows(kept, height), height)
    cut = [list(_pieces(row, parts, soft, height)) for row in rows]
    _check(sum(map(len, cut)), MOST_CUTS, "places where digits may be cut apart")
    numbers = []
    for pieces in cut:
        candidates = list(_candidates(pieces, height))
        if candidates:
            numbers.append(Number([piece.cut for piece in pieces], height, candidates))
    return numbers


def _may_be_digits(part: Part, height: float) -> bool:
    is_small = part.box.side <= SMALLEST_PART * height or part.area <= 0.004 * height**2
    return not is_small and part.box.width <= LONGEST * height


def _check(count: int, most: int, what: str) -> None:
    """Raises Undecodable where there is more in a picture than can be read in good time."""
    if count > most:
        raise Undecodable(
            f"the picture holds {count:,} {what}; at most {most} are read at a time. "
            "Send a part of it, or one with plainer paper."
        )


def _usual_height(parts: Sequence[Part]) -> float:
    """The height above and below which half of the ink's area lies."""
    ordered = sorted(parts, key=lambda part: part.box.height)
    areas = np.cumsum([part.area for part in ordered])
    return float(ordered[int(np.searchsorted(areas, areas[-1] / 2))].box.height)


def _rows(parts: list[Part], height: float) -> list[list[Part]]:
    """Parts that stand beside each other, no farther apart than digits of one number do."""
    rows: list[list[Part]] = []
    for part in parts:
        beside = [row for row in rows if any(_beside(part.box, other.box, height) for other in row)]
        rows = [row for row in rows if row not in beside] + [[part, *(one for row in beside for one in row)]]
    return [sorted(row, key=lambda part: part.box.left) for row in rows]


def _in_reading_order(rows: list[list[Part]], height: float) -> list[list[Part]]:
    """Line by line, and from left to right."""
    lines: list[tuple[float, list[list[Part]]]] = []
    for row in sorted(rows, key=_middle):
        if lines and _middle(row) - lines[-1][0] < 0.6 * height:
            lines[-1][1].append(row)
        else:
            lines.append((_middle(row), [row]))
    return [row for _, line in lines for row in sorted(line, key=lambda row: row[0].box.left)]


def _middle(row: list[Part]) -> float:
    box = box_around([part.box for part in row])
    return (box.top + box.bottom) / 2


def _beside(one: Box, other: Box, height: float) -> bool:
    apart = abs(one.top + one.bottom - other.top - other.bottom) / 2
    gap = max(one.left - other.right, other.left - one.right)
    return apart < 0.6 * max(one.height, other.height) and gap < 1.6 * height


def _pieces(row: list[Part], parts: Parts, soft: Ink, height: float) -> Iterator[Piece]:
    """A number cut wherever two digits may touch, from left to right."""
    for together in _stacked(row, height):
        box = box_around([part.box for part in together])
        own = np.isin(parts.labels[box.cut], [part.label for part in together]).astype(np.uint8)
        blob = soft[box.cut] * cv2.dilate(own, np.ones((3, 3), np.uint8))
        seams = find_seams(blob, height) if box.width > 0.55 * height and box.height > 0.4 * height else []
        columns = np.arange(box.width)[None]
        edges = [np.full(box.height, -1.0), *(seam.columns for seam in seams), np.full(box.height, box.width + 1.0)]
        cuts = [-1.0, *(seam.ink for seam in seams)]
        for left, right, cut_ink in zip(edges, edges[1:], cuts, strict=False):
            start, stop = max(0, int(left.min())), min(box.width, int(right.max()) + 1)
            here = columns[:, start:stop]
            own_ink = blob[:, start:stop] * ((here > left[:, None]) & (here <= right[:, None]))
            yield Piece(box.left + start, box.top, own_ink, cut_ink)


def _stacked(row: list[Part], height: float) -> list[list[Part]]:
    """Parts that lie above each other, such as the bar of a broken 5, belong together; two tall ones lean."""
    groups: list[list[Part]] = []
    for part in sorted(row, key=lambda part: -part.box.height):
        joined = None if part.box.height > TALL * height else next((one for one in groups if _over(part, one)), None)
        if joined is None:
            groups.append([part])
        else:
            joined.append(part)
    return sorted(groups, key=lambda group: min(one.box.left for one in group) + max(one.box.right for one in group))


def _over(part: Part, group: list[Part]) -> bool:
    """Whether they share most of their width."""
    left, right = min(one.box.left for one in group), max(one.box.right for one in group)
    shared = min(right, part.box.right) - max(left, part.box.left)
    return shared > 0.5 * min(right - left, part.box.width)


def _candidates(pieces: list[Piece], height: float) -> Iterator[Candidate]:
    for first in range(len(pieces)):
        for end in range(first + 1, min(first + MOST_PIECES, len(pieces)) + 1):
            box, soft = _joined(pieces[first:end])
            if box.side < SMALLEST_PART * height:
                continue
            if end > first + 1 and box.width > WIDEST * max(box.height, 0.6 * height):
                break
            yield Candidate(first, end, box, centre(fit(soft)[0]))


def _joined(pieces: list[Piece]) -> tuple[Box, Ink]:
    """Pieces laid side by side as they stand, and cut to their ink."""
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    right = max(piece.left + piece.soft.shape[1] for piece in pieces)
    bottom = max(piece.top + piece.soft.shape[0] for piece in pieces)
    whole = np.zeros((bottom - top, right - left), np.float32)
    for piece in pieces:
        rows, columns = piece.soft.shape
        at = whole[piece.top - top : piece.top - top + rows, piece.left - left : piece.left - left + columns]
        np.maximum(at, piece.soft, out=at)
    inked = whole > 0.5
    rows_, columns_ = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    if not len(rows_):
        return Box(left, top, left, top), whole
    cut = slice(rows_[0], rows_[-1] + 1), slice(columns_[0], columns_[-1] + 1)
    return (
        Box(left + int(columns_[0]), top + int(rows_[0]), left + int(columns_[-1]) + 1, top + int(rows_[-1]) + 1),
        whole[cut],
    )
