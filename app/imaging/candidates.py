"""Runs of neighbouring pieces -> frames, each of which may be one digit."""

from collections.abc import Iterator

import numpy as np

from app.budget import Budget
from app.imaging.arrays import Ink
from app.imaging.boxes import Box, box_of
from app.imaging.centre import centre
from app.imaging.fit import fit
from app.imaging.height import SMALLEST
from app.imaging.picture import Candidate, Picture, Piece, Stage
from app.imaging.preparation import Preparation

MOST_PIECES = 6  # that a digit may be cut into
WIDEST = 1.6  # of its height: what is wider is no one digit,
LOW = 0.6  # of the digits' height: the least that counts as its height then
INKED = 0.5  # of full ink: where its box ends

FIXED_SECONDS = 5e-6
CANDIDATE, CANDIDATE_PIXEL = 250e-6, 20e-9  # seconds, with its run through the model and its part in the readings


def candidates_of(pieces: list[Piece], height: float, preparation: Preparation, budget: Budget) -> Iterator[Candidate]:
    """Their boxes, and how high digits are, are in the pieces' pixels. Raises TooMuchWork."""
    for first in range(len(pieces)):
        for end in range(first + 1, min(first + MOST_PIECES, len(pieces)) + 1):
            pixels = sum(piece.soft.size for piece in pieces[first:end])
            budget.charge(CANDIDATE + CANDIDATE_PIXEL * pixels, "reading another of the digits that there may be")
            box, soft = joined(pieces[first:end])
            if box.side < SMALLEST * height:
                continue
            if end > first + 1 and box.width > WIDEST * max(box.height, LOW * height):
                break
            yield Candidate(first, end, box, centre(fit(soft, preparation, budget)[0], preparation))


def joined(pieces: list[Piece]) -> tuple[Box, Ink]:
    """Pieces laid side by side as they stand, and cut to their ink."""
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    right = max(piece.left + piece.soft.shape[1] for piece in pieces)
    bottom = max(piece.top + piece.soft.shape[0] for piece in pieces)
    whole = np.zeros((bottom - top, right - left), np.float32)
    for piece in pieces:
        rows, columns = piece.soft.shape
        at = whole[piece.top - top : piece.top - top + rows, piece.left - left : piece.left - left + columns]
        np.maximum(at, piece.soft, out=at)
    inked = box_of(whole > INKED)
    return inked.moved(left, top), whole[inked.cut]


def _seconds(_: Picture) -> float:
    return FIXED_SECONDS


def _run(picture: Picture) -> None:
    """Raises TooMuchWork."""
    height, preparation, budget = picture.height / picture.coarser, picture.preparation, picture.budget
    picture.candidates = [
        [
            candidate._replace(box=candidate.box.times(picture.coarser))
            for candidate in candidates_of(pieces, height, preparation, budget)
        ]
        for pieces in picture.pieces
    ]


FIND_CANDIDATES = Stage("joining what was cut", _seconds, _run)
