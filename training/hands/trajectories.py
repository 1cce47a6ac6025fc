"""Pens' trajectories in UNIPEN's format. Source: I. Guyon et al., "UNIPEN project of on-line data exchange", 1994."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Stroke = NDArray[np.float64]  # [points, 2]: x to the right, y down
SEGMENT = re.compile(r'^\.SEGMENT \S+ +\S+ +\S+ "(\d)"', re.MULTILINE)
WRITER = re.compile(r"^\.COMMENT +\d +(\d+)", re.MULTILINE)
ANY_SEGMENT = re.compile(r"^\.SEGMENT ", re.MULTILINE)


class Trajectory(NamedTuple):
    """One digit as a pen wrote it."""

    digit: int
    writer: str
    strokes: list[Stroke]


def read_pendigits(text: str) -> list[Trajectory]:
    """Alpaydin's and Alimoglu's; each digit's comment is `DIGIT WRITER NUMBER`, and y goes up. Raises DataError."""
    return _checked(
        [
            Trajectory(digit, writer, _strokes(block, (1, -1)))
            for digit, block in _segments(text)
            for writer in WRITER.findall(block)
        ]
    )


def read_ujipenchars(text: str) -> list[Trajectory]:
    """The digits among UJI's characters: each writer wrote all characters twice, in one order. Raises DataError."""
    found, copies = [], dict[int, int]()
    for digit, block in _segments(text):
        copies[digit] = copies.get(digit, 0) + 1
        found.append(Trajectory(digit, str((copies[digit] + 1) // 2), _strokes(block, (1, 1))))
    return _checked(found)


def _segments(text: str) -> Iterator[tuple[int, str]]:
    """Each digit, and what follows it up to the next segment of any kind."""
    starts = [found.start() for found in ANY_SEGMENT.finditer(text)]
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=False):  # none where there are no segments
        if found := SEGMENT.match(text[start:stop]):
            yield int(found[1]), text[start:stop]


def _strokes(block: str, signs: tuple[int, int]) -> list[Stroke]:
    strokes = []
    for part in block.split(".PEN_DOWN")[1:]:
        numbers = part.split(".PEN_UP")[0].split()
        strokes.append(np.array(numbers, np.float64).reshape(-1, 2) * signs)
    return [stroke for stroke in strokes if len(stroke)]


def _checked(found: list[Trajectory]) -> list[Trajectory]:
    if not found or any(not one.strokes for one in found):
        raise DataError("a file of trajectories holds no digits, or a digit without strokes")
    return found
