"""Asking the live line reader, where there is one, what is written in a picture's strips."""

from collections.abc import Iterator, Sequence

import numpy as np

from app.errors import ModelNotFound
from app.imaging.arrays import Grey
from app.serving.context import RequestContext
from app.serving.repository import LiveModel, Repository
from app.tasks.lines.ctc import Columns
from app.tasks.lines.manifest import LinesManifest


class Lines:
    """The newest version of one model; without it, numbers are read by cutting them alone."""

    def __init__(self, repository: Repository, name: str) -> None:
        self._repository = repository
        self._name = name

    def live(self) -> tuple[LiveModel, LinesManifest] | None:
        try:
            model = self._repository.get(self._name)
        except ModelNotFound:
            return None
        return (model, model.manifest) if isinstance(model.manifest, LinesManifest) else None


async def read_strips(model: LiveModel, strips: Sequence[Grey | None], context: RequestContext) -> list[Columns | None]:
    """What the reader makes of each, [columns, classes]; of some that are as wide it is asked at once.

    Raises ServiceError, CallerGone.
    """
    found: list[Columns | None] = [None] * len(strips)
    for places, together in of_one_width(strips):
        done = await model.batcher.submit((together,), context.deadline, context.is_gone, context.trace)
        context.ran(done.queued, done.ran, done.largest_run)
        for place, columns in zip(places, done.outputs[0], strict=True):
            found[place] = columns
    return found


def of_one_width(strips: Sequence[Grey | None]) -> Iterator[tuple[list[int], Grey]]:
    """Strips that can be read in one run, and their places: uint8 [N, height, width]."""
    by_width: dict[int, list[int]] = {}
    for place, strip in enumerate(strips):
        if strip is not None:
            by_width.setdefault(strip.shape[1], []).append(place)
    for places in by_width.values():
        yield places, np.stack([strip for place in places if (strip := strips[place]) is not None])
