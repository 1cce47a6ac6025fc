"""Rows of components -> pieces, cut wherever two digits may touch: more often than there are digits."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from app.budget import Budget
from app.imaging.arrays import Ink, window
from app.imaging.boxes import Box, box_around
from app.imaging.components import Component
from app.imaging.limits import MOST_CUTS, MOST_LAYERS, check
from app.imaging.picture import Picture, Piece, Stage
from app.imaging.seams import Seam, find_seams

TALL = 0.7  # of the digits' height: so tall a component may be a digit of its own
SHARED = 0.5  # of the narrower one's width: what shares more lies above the other
EDGE = 3  # pixels: a window by which one pixel around a component is kept, for its edges
WIDEST, LOWEST = 0.55, 0.4  # of the digits' height: what is wider and as high may be two digits that touch
BESIDE = 1.0  # pixels beyond a blob, where its first and last edge lie
ENOUGH = 80  # pixels: as high as digits are while their strokes are thinned, and higher ones tell no more

FIXED_SECONDS = 5e-6
BLOB, BLOB_PIXEL = 100e-6, 15e-9  # seconds for what is taken out of the picture, and for a pixel of it


class Blob(NamedTuple):
    """Ink that may be one digit, or several that touch."""

    box: Box
    """In its own pixels."""
    soft: Ink


def pieces_of(row: list[Component], picture: Picture) -> Iterator[Piece]:
    """From left to right. Raises TooMuchWork."""
    height, budget = picture.height / picture.coarser, picture.budget
    blobs = [_taken_out(together, picture) for together in stacked(row, picture.height)]
    wide = [box.width > WIDEST * height and box.height > LOWEST * height for box, _ in blobs]
    seams = find_seams([blob.soft for blob, may_touch in zip(blobs, wide, strict=True) if may_touch], height, budget)
    for blob, may_touch in zip(blobs, wide, strict=True):
        yield from _cut(blob, next(seams) if may_touch else [], budget)


def _taken_out(together: list[Component], picture: Picture) -> Blob:
    box = box_around([component.box for component in together])
    picture.budget.charge(BLOB + BLOB_PIXEL * box.width * box.height, "taking parts out of the picture")
    labels = [component.label for component in together]
    coarser = picture.coarser
    box = Box(box.left - box.left % coarser, box.top - box.top % coarser, box.right, box.bottom)
    own = np.isin(picture.components.labels[box.cut], labels).astype(np.uint8)
    soft = picture.soft[box.cut] * cv2.dilate(own, window(EDGE))
    return Blob(box, soft) if coarser == 1 else _smaller(Blob(box, soft), coarser)


def _smaller(blob: Blob, factor: int) -> Blob:
    """By a whole factor, of which its left and top are multiples."""
    (left, top, *_), soft = blob
    height, width = soft.shape
    whole = cv2.copyMakeBorder(soft, 0, -height % factor, 0, -width % factor, cv2.BORDER_CONSTANT)
    small = cv2.resize(whole, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    left, top = left // factor, top // factor
    return Blob(Box(left, top, left + small.shape[1], top + small.shape[0]), small)


def _cut(blob: Blob, seams: list[Seam], budget: Budget) -> Iterator[Piece]:
    box, soft = blob
    columns = np.arange(box.width)[None]
    first, last = np.full(box.height, -BESIDE), np.full(box.height, box.width + BESIDE)
    edges = [first, *(seam.columns for seam in seams), last]
    cuts = [-1.0, *(seam.ink for seam in seams)]
    for left, right, cut_ink in zip(edges, edges[1:], cuts, strict=False):
        start, stop = max(0, int(left.min())), min(box.width, int(right.max()) + 1)
        budget.charge(BLOB_PIXEL * (stop - start) * box.height, "cutting digits apart")
        here = columns[:, start:stop]
        own_ink = soft[:, start:stop] * ((here > left[:, None]) & (here <= right[:, None]))
        yield Piece(box.left + start, box.top, own_ink, cut_ink)


def stacked(row: list[Component], height: float) -> list[list[Component]]:
    """Those that lie above each other, such as the bar of a broken 5, belong together; two tall ones lean."""
    groups: list[list[Component]] = []
    spans: list[tuple[int, int]] = []  # of each group, left and right
    for component in sorted(row, key=lambda component: -component.box.height):
        left, right = component.box.left, component.box.right
        under = None
        if component.box.height <= TALL * height:
            under = next((place for place, span in enumerate(spans) if _over(component.box, *span)), None)
        if under is None:
            groups.append([component])
            spans.append((left, right))
        else:
            groups[under].append(component)
            spans[under] = min(spans[under][0], left), max(spans[under][1], right)
    return [group for _, group in sorted(zip(spans, groups, strict=True), key=lambda one: sum(one[0]))]


def _over(box: Box, left: int, right: int) -> bool:
    """Whether they share most of their width."""
    shared = min(right, box.right) - max(left, box.left)
    return shared > SHARED * min(right - left, box.width)


def _seconds(_: Picture) -> float:
    return FIXED_SECONDS


def _run(picture: Picture) -> None:
    """Raises Undecodable where there are too many, TooMuchWork."""
    picture.pieces, picture.coarser = [], max(1, int(picture.height / ENOUGH))
    count = pixels = 0
    for row in picture.rows:
        picture.pieces.append([])
        for piece in pieces_of(row, picture):
            picture.pieces[-1].append(piece)
            count, pixels = count + 1, pixels + piece.soft.size
            check(count, MOST_CUTS, "places where digits may be cut apart")
            check(pixels // picture.soft.size, MOST_LAYERS, "layers of ink")


CUT = Stage("cutting digits apart", _seconds, _run)
