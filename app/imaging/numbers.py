"""Whole numbers: where they stand in a picture, and how they may be cut into digits.

A number is cut more often than it has digits; every run of neighbouring pieces that is not too wide may be a digit. The
model scores all of them in one batch, and `readings` finds the best way through them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import UNLIMITED, Budget
from app.errors import NoInk, Undecodable
from app.imaging.decode import Grey, Pixels
from app.imaging.ink import Ink, ink_of
from app.imaging.normalise import centre, fit
from app.imaging.parts import AREA, HEIGHT, Box, Part, Parts, box_around
from app.imaging.preparation import Preparation
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

# What it costs, in seconds: upper bounds, measured on an ordinary server.
PAIR = 0.4e-6
BLOB, BLOB_PIXEL = 100e-6, 15e-9
CANDIDATE, CANDIDATE_PIXEL = 250e-6, 20e-9  # with its run through the model and its part in the readings


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


def find_numbers(pixels: Pixels, preparation: Preparation, budget: Budget = UNLIMITED) -> list[Number]:
    """Every number in the picture, from top to bottom and left to right. Raises NoInk, Undecodable, TooMuchWork."""
    writing = find_writing(ink_of(paint_around(pixels, budget), budget), budget)
    if writing is None:
        raise NoInk(NOTHING)
    height = _usual_height(writing.parts)
    if height < LOWEST:
        raise NoInk(f"what is written is {height:.0f} pixels high; digits need {LOWEST} or more. Send it larger.")
    parts, soft = writing.parts.only(_may_be_digits(writing.parts, height)), writing.soft
    _check(len(parts.names), MOST_PARTS, "parts that may be digits")
    boxed = (parts.stats[:, 2] * parts.stats[:, 3]).sum(dtype=np.int64)
    _check(int(boxed) // soft.size, MOST_LAYERS, "layers of ink")
    budget.charge(PAIR * len(parts.names) ** 2, "putting {:,} parts in rows", len(parts.names))
    rows = _in_reading_order(_rows(parts.found, height), height)
    cut = _cut(rows, parts, soft, height, budget)
    numbers = []
    for pieces in cut:
        candidates = list(_candidates(pieces, height, preparation, budget))
        if candidates:
            numbers.append(Number([piece.cut for piece in pieces], height, candidates))
    return numbers


def _may_be_digits(parts: Parts, height: float) -> NDArray[np.bool_]:
    _, _, w, h, area = parts.stats.T
    large = (np.maximum(w, h) > SMALLEST_PART * height) & (area > 0.004 * height**2)
    may: NDArray[np.bool_] = large & (w <= LONGEST * height)
    return may


def _check(count: int, most: int, what: str) -> None:
    """Raises Undecodable where there is more in a picture than can be read in good time."""
    if count > most:
        raise Undecodable(
            f"the picture holds {count:,} {what}; at most {most} are read at a time. "
            "Send a part of it, or one with plainer paper."
        )


def _usual_height(parts: Parts) -> float:
    """The height above and below which half of the ink's area lies."""
    ordered = parts.stats[np.argsort(parts.stats[:, HEIGHT], kind="stable")]
    areas = np.cumsum(ordered[:, AREA])
    return float(ordered[int(np.searchsorted(areas, areas[-1] / 2)), HEIGHT])


def _rows(parts: list[Part], height: float) -> list[list[Part]]:
    """Parts that stand beside each other, no farther apart than digits of one number do."""
    near = _beside(parts, height)
    rows: list[list[int]] = []
    for place in range(len(parts)):
        neighbours = set(np.flatnonzero(near[place, :place]).tolist())
        beside = [row for row in rows if not neighbours.isdisjoint(row)]
        if beside:
            rows = [row for row in rows if neighbours.isdisjoint(row)]
        rows.append([place, *(one for row in beside for one in row)])
    return [sorted((parts[place] for place in row), key=lambda part: part.box.left) for row in rows]


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


def _beside(parts: list[Part], height: float) -> NDArray[np.bool_]:
    """Whether each two of them may belong to one number, [N, N]."""
    left, top, right, bottom = np.array([part.box for part in parts]).reshape(-1, 4).T
    apart = np.abs(np.subtract.outer(top + bottom, top + bottom)) / 2
    gap = np.subtract.outer(left, right)
    level = apart < 0.6 * np.maximum.outer(bottom - top, bottom - top)
    beside: NDArray[np.bool_] = level & (np.maximum(gap, gap.T) < 1.6 * height)
    return beside


def _cut(rows: list[list[Part]], parts: Parts, soft: Ink, height: float, budget: Budget) -> list[list[Piece]]:
    """Each row in pieces. Raises Undecodable, TooMuchWork."""
    cut: list[list[Piece]] = []
    count = pixels = 0
    for row in rows:
        cut.append([])
        for piece in _pieces(row, parts, soft, height, budget):
            cut[-1].append(piece)
            count, pixels = count + 1, pixels + piece.soft.size
            _check(count, MOST_CUTS, "places where digits may be cut apart")
            _check(pixels // soft.size, MOST_LAYERS, "layers of ink")
    return cut


def _pieces(row: list[Part], parts: Parts, soft: Ink, height: float, budget: Budget) -> Iterator[Piece]:
    """A number cut wherever two digits may touch, from left to right."""
    for together in _stacked(row, height):
        box = box_around([part.box for part in together])
        budget.charge(BLOB + BLOB_PIXEL * box.width * box.height, "taking parts out of the picture")
        own = np.isin(parts.labels[box.cut], [part.label for part in together]).astype(np.uint8)
        blob = soft[box.cut] * cv2.dilate(own, np.ones((3, 3), np.uint8))
        seams = find_seams(blob, height, budget) if box.width > 0.55 * height and box.height > 0.4 * height else []
        columns = np.arange(box.width)[None]
        edges = [np.full(box.height, -1.0), *(seam.columns for seam in seams), np.full(box.height, box.width + 1.0)]
        cuts = [-1.0, *(seam.ink for seam in seams)]
        for left, right, cut_ink in zip(edges, edges[1:], cuts, strict=False):
            start, stop = max(0, int(left.min())), min(box.width, int(right.max()) + 1)
            budget.charge(BLOB_PIXEL * (stop - start) * box.height, "cutting digits apart")
            here = columns[:, start:stop]
            own_ink = blob[:, start:stop] * ((here > left[:, None]) & (here <= right[:, None]))
            yield Piece(box.left + start, box.top, own_ink, cut_ink)


def _stacked(row: list[Part], height: float) -> list[list[Part]]:
    """Parts that lie above each other, such as the bar of a broken 5, belong together; two tall ones lean."""
    groups: list[list[Part]] = []
    spans: list[tuple[int, int]] = []  # of each group, left and right
    for part in sorted(row, key=lambda part: -part.box.height):
        left, right = part.box.left, part.box.right
        under = None
        if part.box.height <= TALL * height:
            under = next((place for place, span in enumerate(spans) if _over(part.box, *span)), None)
        if under is None:
            groups.append([part])
            spans.append((left, right))
        else:
            groups[under].append(part)
            spans[under] = min(spans[under][0], left), max(spans[under][1], right)
    return [group for _, group in sorted(zip(spans, groups, strict=True), key=lambda one: sum(one[0]))]


def _over(box: Box, left: int, right: int) -> bool:
    """Whether they share most of their width."""
    shared = min(right, box.right) - max(left, box.left)
    return shared > 0.5 * min(right - left, box.width)


def _candidates(pieces: list[Piece], height: float, preparation: Preparation, budget: Budget) -> Iterator[Candidate]:
    for first in range(len(pieces)):
        for end in range(first + 1, min(first + MOST_PIECES, len(pieces)) + 1):
            pixels = sum(piece.soft.size for piece in pieces[first:end])
            budget.charge(CANDIDATE + CANDIDATE_PIXEL * pixels, "reading another of the digits that there may be")
            box, soft = _joined(pieces[first:end])
            if box.side < SMALLEST_PART * height:
                continue
            if end > first + 1 and box.width > WIDEST * max(box.height, 0.6 * height):
                break
            yield Candidate(first, end, box, centre(fit(soft, preparation, budget)[0], preparation))


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
