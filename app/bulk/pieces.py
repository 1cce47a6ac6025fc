"""What a shard is read as: some of its images at a time, as pictures or as frames that are ready."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from app.errors import ServiceError, Undecodable
from app.tasks.digits.arrays import SIDE, Frames, from_array, from_raw
from app.tasks.digits.work import blank


class Pictures(NamedTuple):
    """Encoded pictures, each read when it is asked for, or why it cannot be."""

    ids: list[str]
    contents: Iterator[bytes | ServiceError]


class ManyFrames(NamedTuple):
    """Frames that are ready, uint8 [len(ids) - len(errors), 28, 28], and by place why others are none."""

    ids: list[str]
    frames: Frames
    errors: dict[int, ServiceError]


Piece = Pictures | ManyFrames


def of_frames(ids: list[str], array: np.ndarray) -> ManyFrames:
    """[N, 28, 28] of any numbers; where some are no frame, each is looked at by itself. Blank ones are errors."""
    errors: dict[int, ServiceError] = {}
    try:
        frames = from_array(array)
    except ServiceError:
        good = []
        for place, one in enumerate(array):
            try:
                good.append(from_array(one)[0])
            except ServiceError as error:
                errors[place] = error.bare()
        frames = np.stack([*good, np.zeros((SIDE, SIDE), np.uint8)])[:-1]
    return _without_blanks(ids, frames, errors)


def of_bytes(ids: list[str], values: list[bytes | None]) -> ManyFrames:
    null = "the column is null here; expected pixels"
    errors: dict[int, ServiceError] = {place: Undecodable(null) for place, one in enumerate(values) if one is None}
    joined = b"".join(value for value in values if value is not None)
    frames = from_raw(joined) if joined else np.empty((0, SIDE, SIDE), np.uint8)
    return _without_blanks(ids, frames, errors)


def _without_blanks(ids: list[str], frames: Frames, errors: dict[int, ServiceError]) -> ManyFrames:
    inked = frames.reshape(len(frames), -1).any(axis=1)
    if inked.all():
        return ManyFrames(ids, frames, errors)
    good = [place for place in range(len(ids)) if place not in errors]
    for row in np.flatnonzero(~inked).tolist():
        errors[good[row]] = blank()
    return ManyFrames(ids, frames[inked], errors)
