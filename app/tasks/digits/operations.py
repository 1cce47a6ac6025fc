"""What can be done with a digit model: read one digit, many, or whole numbers."""

from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.errors import WrongTask
from app.imaging.boxes import box_around
from app.imaging.normalise import Frame
from app.imaging.numbers import Number as CutNumber
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.repository import LiveModel
from app.tasks.digits import insides
from app.tasks.digits.classifier import ENERGY, NO_SCORES, Scores
from app.tasks.digits.decisions import Decision, choose, decide, decide_frame, decide_rows, least_sure
from app.tasks.digits.insides import Insides
from app.tasks.digits.manifest import DigitsManifest, Thresholds
from app.tasks.digits.occlusion import Occlusion, heat, occlude
from app.tasks.digits.preprocessor import Batch, Preprocessor
from app.tasks.digits.readings import Ranking
from app.tasks.digits.requests import BatchRequest, ImageRequest
from app.tasks.digits.results import Digit, Explanation, Number, Numbers, Prediction, Predictions, Reading
from app.tasks.digits.work import FoundNumbers, Seen, Unfinished
from app.tasks.lines.ctc import Columns
from app.tasks.lines.manifest import LinesManifest
from app.tasks.lines.reading import Lines, read_strips
from app.telemetry.metrics import Metrics

READINGS = 5  # of a number: the best, and the next best ones


class PreparedImage(NamedTuple):
    inputs: Tensors
    frame: Frame
    rows: int = 1
    images: int = 1
    occlusion: Occlusion | None = None
    layers: bool = False


class Predict:
    """One digit, and what speaks for it where that is asked for."""

    def __init__(self, preprocessor: Preprocessor, insides: Insides, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._insides = insides
        self._metrics = metrics

    def prepare(
        self, model: LiveModel, request: ImageRequest, context: RequestContext
    ) -> PreparedImage | Coroutine[Any, Any, PreparedImage]:
        manifest = manifest_of(model)
        seen = self._preprocessor.see_here(request, manifest, context)
        if isinstance(seen, Unfinished):
            return self._prepare_elsewhere(seen, model, request, context)
        if request.explain and seen.frame.others:
            return self._prepare_to_explain(seen, model, request, context)
        return _prepared(seen, request)

    async def _prepare_elsewhere(
        self, begun: Unfinished, model: LiveModel, request: ImageRequest, context: RequestContext
    ) -> PreparedImage:
        seen = await self._preprocessor.see(begun, request, manifest_of(model), context)
        if request.explain and seen.frame.others:
            return await self._prepare_to_explain(seen, model, request, context)
        return _prepared(seen, request)

    async def _prepare_to_explain(
        self, seen: Seen, model: LiveModel, request: ImageRequest, context: RequestContext
    ) -> PreparedImage:
        """What is explained is one frame: the model is asked first which it is."""
        done = await model.batcher.submit(_rows_of(seen.frame), context.deadline, context.is_gone, context.trace)
        context.ran(done.queued, done.ran, done.largest_run)
        return _prepared(seen._replace(frame=_chosen(manifest_of(model), seen.frame, done.outputs[0])[0]), request)

    def conclude(
        self, model: LiveModel, prepared: PreparedImage, outputs: Tensors, context: RequestContext
    ) -> Prediction | Coroutine[Any, Any, Prediction]:
        manifest = manifest_of(model)
        scores, frame = outputs[0], prepared.frame
        row = scores[0]
        if frame.others:
            frame, row = _chosen(manifest, frame, scores)
        digit = int(row[:ENERGY].argmax())
        decision, verdict = decide_frame(manifest.thresholds, frame, float(row[digit]), float(row[ENERGY]))
        context.decision = decision
        of_picture = verdict if frame.steps else ""
        self._metrics.images_read(manifest.name, manifest.version, decision, of_picture)
        explanation = None if prepared.occlusion is None else _explained(prepared.occlusion, scores)
        prediction = Prediction(digit, row, decision, frame, verdict, explanation)
        return self._with_layers(model, prediction, context) if prepared.layers else prediction

    async def _with_layers(self, model: LiveModel, prediction: Prediction, context: RequestContext) -> Prediction:
        return prediction._replace(layers=await self._insides.layers(model, prediction.frame.pixels, context))


class PredictBatch:
    """Many digits. An image that cannot be read has its own error."""

    def __init__(self, preprocessor: Preprocessor, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._metrics = metrics

    async def prepare(self, model: LiveModel, request: BatchRequest, context: RequestContext) -> Batch:
        return await self._preprocessor.many(request, manifest_of(model), context)

    def conclude(self, model: LiveModel, prepared: Batch, outputs: Tensors, _: RequestContext) -> Predictions:
        manifest = manifest_of(model)
        found = predictions(manifest, prepared, outputs[0] if outputs else NO_SCORES)
        of_rows = [found.verdicts.get(place, "") for place in found.batch.good()] or [""] * len(found.decisions)
        for (decision, verdict), images in Counter(zip(found.decisions, of_rows, strict=True)).items():
            self._metrics.images_read(manifest.name, manifest.version, decision, verdict, images)
        for code, items in Counter(error.code for error in prepared.errors.values()).items():
            self._metrics.errors.labels(code).inc(items)
        return found


class PreparedNumbers(NamedTuple):
    """What was found in a picture, and the line reader that is to read it too, where there is one."""

    found: FoundNumbers
    lines: tuple[LiveModel, LinesManifest] | None

    @property
    def inputs(self) -> Tensors:
        return self.found.inputs

    @property
    def rows(self) -> int:
        return self.found.rows

    @property
    def images(self) -> int:
        return self.found.images


class ReadNumbers:
    """The whole numbers in a picture."""

    def __init__(self, preprocessor: Preprocessor, lines: Lines, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._lines = lines
        self._metrics = metrics

    async def prepare(self, model: LiveModel, request: ImageRequest, context: RequestContext) -> PreparedNumbers:
        lines = self._lines.live()
        shape = lines[1].strip if lines else None
        return PreparedNumbers(await self._preprocessor.find(request, manifest_of(model), shape, context), lines)

    def conclude(
        self, model: LiveModel, prepared: PreparedNumbers, outputs: Tensors, context: RequestContext
    ) -> Numbers | Coroutine[Any, Any, Numbers]:
        if not outputs:
            return Numbers([], prepared.found.scale, prepared.found.pages)
        return self._ranked(manifest_of(model), prepared, outputs[0], context)

    async def _ranked(
        self, manifest: DigitsManifest, prepared: PreparedNumbers, scores: Scores, context: RequestContext
    ) -> Numbers:
        found, lines = prepared.found, prepared.lines
        columns: list[Columns | None] = [None] * len(found.numbers)
        reader = None
        if lines is not None:
            columns = await read_strips(lines[0], found.strips, context)
            reader = lines[1].reader
        rankings = await self._preprocessor.rank(found, scores, READINGS, manifest, columns, reader, context)
        numbers = read_numbers(manifest, lines[1] if lines else None, found, columns, rankings)
        for number in numbers.numbers:
            self._metrics.images_read(manifest.name, manifest.version, number.decision)
        return numbers


def predictions(manifest: DigitsManifest, batch: Batch, scores: Scores) -> Predictions:
    """What is made of the scores of all of a batch's rows, float32 [N, 11]."""
    batch, scores = batch.chosen(scores, manifest.preparation.margin)
    decisions, verdicts = decide_rows(manifest.thresholds, scores), {}
    for row, place in enumerate(batch.good()):
        if frame := batch.made.get(place):
            decisions[row], verdicts[place] = decide_frame(
                manifest.thresholds, frame, float(scores[row, :ENERGY].max()), float(scores[row, ENERGY])
            )
    return Predictions(batch, scores, decisions, verdicts)


def read_numbers(
    manifest: DigitsManifest,
    lines: LinesManifest | None,
    found: FoundNumbers,
    columns: Sequence[Columns | None],
    rankings: Sequence[Ranking | None],
) -> Numbers:
    """What is made of the rankings of a picture's numbers, with a line reader's columns where it has read them."""
    numbers = []
    for number, seen, ranking in zip(found.numbers, columns, rankings, strict=True):
        if ranking is None:
            continue
        if lines is None or seen is None:
            decision = _decided(ranking, manifest.thresholds)
        else:
            decision = decide(lines.thresholds, ranking.confidences[0])
        numbers.append(_number(number, ranking, decision))
    return Numbers(numbers, found.scale, found.pages)


def manifest_of(model: LiveModel) -> DigitsManifest:
    """Raises WrongTask where it is no digit model."""
    if not isinstance(model.manifest, DigitsManifest):
        raise WrongTask(f"{model.label} is for {model.manifest.task!r}, and reads no digits; ask it at /v2")
    return model.manifest


def _rows_of(frame: Frame) -> Tensors:
    """The frame, and what else it may be."""
    if not frame.others:
        return (frame.pixels[np.newaxis],)
    return (np.stack([frame.pixels, *(other.pixels for other in frame.others)]),)


def _chosen(manifest: DigitsManifest, frame: Frame, scores: Scores) -> tuple[Frame, NDArray[np.float32]]:
    """Of a frame and what else it may be, and their scores, float32 [N, 11]: the one that is taken, and its own."""
    taken, place = choose(frame, scores, manifest.preparation.margin)
    return taken, scores[place]


def _prepared(seen: Seen, request: ImageRequest) -> PreparedImage:
    """Raises TooMuchWork."""
    frame, _, budget = seen
    if request.layers:
        budget.charge(insides.SECONDS, "looking into the model")
    if not request.explain:
        return PreparedImage(_rows_of(frame), frame, 1 + len(frame.others), layers=request.layers)
    occlusion = occlude(frame.pixels)
    frames = len(occlusion.frames)
    budget.charge(occlusion.seconds, "covering the picture in {} places", frames - 1)
    return PreparedImage((occlusion.frames,), frame, frames, frames, occlusion, request.layers)


def _explained(occlusion: Occlusion, scores: Scores) -> Explanation:
    second, first = np.argsort(scores[0, :ENERGY])[-2:].tolist()
    return Explanation(
        heat(occlusion, scores, first), second, scores[0, second], heat(occlusion, scores, second), occlusion.frames[0]
    )


def _decided(ranking: Ranking, thresholds: Thresholds) -> Decision:
    """On a number that was only cut: as the least sure of its digits, and of the whole."""
    of_digits = [decide(thresholds, digit.confidence, digit.energy) for digit in ranking.digits]
    return least_sure([decide(thresholds, ranking.confidences[0]), *of_digits])


def _number(number: CutNumber, ranking: Ranking, decision: Decision) -> Number:
    best, *others = (Reading(*one) for one in zip(ranking.texts, ranking.confidences, strict=True))
    digits = [Digit(digit.digit, digit.confidence, digit.box) for digit in ranking.digits]
    return Number(
        best,
        ranking.raw,
        decision,
        box_around([digit.box for digit in digits]),
        digits,
        sorted(others, key=lambda other: -other.confidence),
        number.line,
    )
