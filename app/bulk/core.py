"""One shard -> rows, by the rooms that answer requests: imaging, models, decisions."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from app.bulk.pieces import Pictures, Piece
from app.bulk.rows import Row, failed, row_of_numbers, rows_of
from app.bulk.shards import Shard
from app.config import Settings
from app.errors import BundleError, ServiceError, Undecodable
from app.imaging.normalise import Frame
from app.inference import bundle
from app.inference.bundle import Bundle, Manifest
from app.inference.session import Device, Session
from app.serving.opening import digest_of, read_version
from app.serving.pool import Process
from app.tasks.digits import work
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import NO_SCORES, Classifier, Scores
from app.tasks.digits.manifest import DigitsManifest
from app.tasks.digits.operations import READINGS, predictions, read_numbers
from app.tasks.digits.preprocessor import NO_FRAMES, Batch
from app.tasks.digits.requests import How, Item, Limits
from app.tasks.digits.results import Numbers
from app.tasks.digits.task import DigitsTask
from app.tasks.digits.work import Seen, Unfinished
from app.tasks.lines.ctc import Columns
from app.tasks.lines.manifest import LinesManifest
from app.tasks.lines.reading import of_one_width
from app.tasks.lines.task import LineReader, LinesTask
from app.tasks.registry import TASKS

T = TypeVar("T")
PICTURE_CPU_SECONDS = 10.0  # after which a picture's process is ended: ten times what any budget allows


class Recipe(NamedTuple):
    """All that decides what is written of an image; small enough to be sent to any process."""

    digits: Bundle[Manifest]
    lines: Bundle[Manifest] | None
    numbers: bool
    """Whether pictures hold whole numbers, not single digits."""
    image_pixels: int
    image_bytes: int
    rows: int
    """In one run of ONNX Runtime."""
    device: Device

    @property
    def model(self) -> str:
        """The models' names and versions."""
        names = [one.manifest.label for one in (self.digits, self.lines) if one is not None]
        return "+".join(names)

    def key(self) -> tuple[object, ...]:
        """What tells its answers from another's."""
        digests = [digest_of(one.manifest) for one in (self.digits, self.lines) if one is not None]
        return self.model, *digests, self.numbers, self.image_pixels, self.image_bytes


def recipe(settings: Settings, model: str | None, *, numbers: bool) -> Recipe:
    """By the settings, and the model NAME[/VERSION] that is asked for. Raises BundleError."""
    found = _read(settings, model or settings.default_model)
    if not isinstance(found.manifest, DigitsManifest):
        raise BundleError(f"{found.manifest.label} is for {found.manifest.task!r}, and reads no digits")
    lines = None
    if numbers and settings.line_reader in bundle.names(settings.models):
        lines = _read(settings, settings.line_reader)
        if not isinstance(lines.manifest, LinesManifest):
            lines = None
    limits = settings.max_image_pixels, settings.max_body_bytes
    return Recipe(found, lines, numbers, *limits, settings.max_batch_size, settings.device)


def _read(settings: Settings, label: str) -> Bundle[Manifest]:
    return read_version(bundle.find(settings.models, label), TASKS)[1]


Do = Callable[..., Any]
"""Calls a function of a picture's bytes, and of what else is given."""


def here(function: Callable[..., T], body: bytes, *arguments: Any) -> T:
    """In this process."""
    return function(body, *arguments)


class Core:
    """The models of a recipe, opened in this process, on one thread."""

    def __init__(self, recipe: Recipe) -> None:
        """Raises BundleError, StartError."""
        self.recipe = recipe
        manifest = recipe.digits.manifest
        assert isinstance(manifest, DigitsManifest)  # `recipe` has looked
        self._manifest = manifest
        session = Session(recipe.digits.model, device=recipe.device)
        self._classifier: Classifier = DigitsTask().open(manifest, session)
        self._lines: tuple[LineReader, LinesManifest] | None = None
        if recipe.lines is not None and isinstance(lines := recipe.lines.manifest, LinesManifest):
            self._lines = LinesTask().open(lines, Session(recipe.lines.model, device=recipe.device)), lines
        self._how = How(Limits(recipe.image_pixels, recipe.image_pixels), manifest.preparation)

    def rows(self, shard: Shard, *, careful: bool = False) -> Iterator[list[Row]]:
        """A row for each of a shard's images, in their order. An image that cannot be read has its error in its row.

        `careful`: pictures are read in a process beside, as they are for requests, so that one that breaks it is an
        error as well. Raises InputError, OSError where the shard itself cannot be read.
        """
        if not careful or shard.frames:
            yield from self._rows(shard, here)
            return
        with Beside() as beside:
            yield from self._rows(shard, beside)

    def _rows(self, shard: Shard, do: Do) -> Iterator[list[Row]]:
        for piece in shard.read(self.recipe.image_bytes):
            yield self.of_piece(piece, do)

    def of_piece(self, piece: Piece, do: Do = here) -> list[Row]:
        """A row for each of its images."""
        if isinstance(piece, Pictures):
            return self._of_numbers(piece, do) if self.recipe.numbers else self._of_pictures(piece, do)
        return self._predicted(piece.ids, Batch(len(piece.ids), piece.frames, piece.errors))

    def _of_pictures(self, pictures: Pictures, do: Do) -> list[Row]:
        batch = Batch(len(pictures.ids), NO_FRAMES)
        frames: list[Frames] = []
        others: list[Frames] = []
        for place, content in enumerate(pictures.contents):
            try:
                frame = self._frame(content, do)
            except ServiceError as error:
                batch.errors[place] = error.bare()
                continue
            frames.append(frame.pixels)
            others += [other.pixels for other in frame.others]
            batch.made[place] = frame
        batch.frames, batch.others = _stacked(frames), _stacked(others)
        return self._predicted(pictures.ids, batch)

    def _frame(self, content: bytes | ServiceError, do: Do) -> Frame:
        if isinstance(content, ServiceError):
            raise content
        if do is here:
            return _guarded(_see_here, content, self._how).frame
        seen: Seen = _guarded(do, work.see, content, _picture, self._how, Unfinished())
        return seen.frame

    def _scores(self, frames: Frames) -> Scores:
        if not len(frames):
            return NO_SCORES
        step = self.recipe.rows
        runs = [self._classifier.scores(frames[start : start + step]) for start in range(0, len(frames), step)]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)

    def _predicted(self, ids: list[str], batch: Batch) -> list[Row]:
        (inputs,) = batch.inputs
        return rows_of(ids, predictions(self._manifest, batch, self._scores(inputs)), self.recipe.model)

    def _of_numbers(self, pictures: Pictures, do: Do) -> list[Row]:
        rows = []
        for one, content in zip(pictures.ids, pictures.contents, strict=True):
            try:
                rows.append(row_of_numbers(one, self._numbers(content, do), self.recipe.model))
            except ServiceError as error:
                rows.append(failed(one, error, self.recipe.model))
        return rows

    def _numbers(self, content: bytes | ServiceError, do: Do) -> Numbers:
        if isinstance(content, ServiceError):
            raise content
        reader, lines = self._lines or (None, None)
        found = _guarded(do, work.find, content, _picture, self._how, lines and lines.strip)
        columns: list[Columns | None] = [None] * len(found.numbers)
        if reader is not None:
            for places, together in of_one_width(found.strips):
                for place, read in zip(places, reader.run((together,))[0], strict=True):
                    columns[place] = read
        told = found.numbers, self._scores(found.frames), self._manifest.numbers, READINGS, columns
        rankings = _guarded(do, work.rank, b"", *told, lines and lines.reader)
        return read_numbers(self._manifest, lines, found, columns, rankings)


class Beside:
    """In a process beside, which a picture may break, and which is then another."""

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._process = Process([work.__name__])
        self._process.start()
        self._runner.run(self._process.begin())
        return self

    def __call__(self, function: Callable[..., T], body: bytes, *arguments: Any) -> T:
        return self._runner.run(self._process.run(function, *arguments, body=body))

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._process.close())
        self._runner.close()


def _guarded(function: Callable[..., T], *arguments: Any) -> T:
    """Whatever a picture does to its reader is its own error. One that takes minutes ends the process."""
    signal.setitimer(signal.ITIMER_PROF, PICTURE_CPU_SECONDS)
    try:
        return function(*arguments)
    except ServiceError:
        raise
    except Exception as error:
        raise Undecodable(f"the picture cannot be read ({type(error).__name__}: {error})") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _see_here(content: bytes, how: How) -> Seen:
    """The quick way first, as the service has it."""
    seen = work.see_here(Item(content), len(content), how.preparation)
    return work.see(content, _picture, how, seen) if isinstance(seen, Unfinished) else seen


def _picture(body: bytes) -> Item:
    return Item(body)


def _stacked(frames: list[Frames]) -> Frames:
    return np.stack(frames) if frames else NO_FRAMES
