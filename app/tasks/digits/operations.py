"""What can be done with a digit model: read one digit, many, or whole numbers."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from app.errors import WrongTask
from app.imaging.boxes import box_around
from app.imaging.normalise import Frame
from app.imaging.numbers import Number as CutNumber
from app.serving.context import RequestContext
from app.serving.repository import LiveModel
from app.serving.submission import Tensors
from app.tasks.digits.classifier import ENERGY, NO_SCORES, Scores
from app.tasks.digits.decisions import decide, decide_frame, decide_rows, least_sure, verdict_on
from app.tasks.digits.manifest import DigitsManifest, Thresholds
from app.tasks.digits.occlusion import Occlusion, heat, occlude
from app.tasks.digits.preprocessor import Batch, Preprocessor
from app.tasks.digits.results import Digit, Explanation, Number, Numbers, Prediction, Predictions, Reading
from app.tasks.digits.work import BatchRequest, FoundNumbers, ImageRequest, Readings
from app.telemetry.metrics import Metrics

READINGS = 5  # of a number: the best, and the next best ones


class PreparedImage(NamedTuple):
    inputs: Tensors
    frame: Frame
    occlusion: Occlusion | None = None

    @property
    def images(self) -> int:
        return len(self.inputs[0])


class Predict:
    """One digit, and what speaks for it where that is asked for."""

    def __init__(self, preprocessor: Preprocessor, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._metrics = metrics

    async def prepare(self, model: LiveModel, request: ImageRequest, context: RequestContext) -> PreparedImage:
        seen = await self._preprocessor.see(request, _manifest(model), context)
        if not request.explain:
            return PreparedImage((seen.frame.pixels[np.newaxis],), seen.frame)
        occlusion = occlude(seen.frame.pixels)
        covered = len(occlusion.frames) - 1
        seen.budget.charge(occlusion.seconds, "covering the picture in {} places", covered)
        return PreparedImage((occlusion.frames,), seen.frame, occlusion)

    async def conclude(
        self, model: LiveModel, prepared: PreparedImage, outputs: Tensors, context: RequestContext
    ) -> Prediction:
        manifest = _manifest(model)
        (scores,), frame = outputs, prepared.frame
        row = scores[0]
        decision = context.decision = decide_frame(manifest.thresholds, frame, row)
        self._metrics.read(manifest.name, manifest.version, decision)
        verdict = verdict_on(manifest.thresholds, frame, row)
        explanation = None if prepared.occlusion is None else _explained(prepared.occlusion, scores)
        return Prediction(row, decision, frame, verdict, explanation)


class PredictBatch:
    """Many digits. An image that cannot be read has its own error."""

    def __init__(self, preprocessor: Preprocessor, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._metrics = metrics

    async def prepare(self, model: LiveModel, request: BatchRequest, context: RequestContext) -> Batch:
        return await self._preprocessor.many(request, _manifest(model), context)

    async def conclude(self, model: LiveModel, prepared: Batch, outputs: Tensors, _: RequestContext) -> Predictions:
        manifest = _manifest(model)
        scores = outputs[0] if outputs else NO_SCORES
        decisions, verdicts = decide_rows(manifest.thresholds, scores), {}
        for row, place in enumerate(prepared.good()):
            if frame := prepared.made.get(place):
                decisions[row] = decide_frame(manifest.thresholds, frame, scores[row])
                verdicts[place] = verdict_on(manifest.thresholds, frame, scores[row])
        for decision, images in Counter(decisions).items():
            self._metrics.read(manifest.name, manifest.version, decision, images)
        for code, items in Counter(error.code for error in prepared.errors.values()).items():
            self._metrics.errors.labels(code).inc(items)
        return Predictions(prepared, scores, decisions, verdicts)


class ReadNumbers:
    """The whole numbers in a picture."""

    def __init__(self, preprocessor: Preprocessor, metrics: Metrics) -> None:
        self._preprocessor = preprocessor
        self._metrics = metrics

    async def prepare(self, model: LiveModel, request: ImageRequest, context: RequestContext) -> FoundNumbers:
        return await self._preprocessor.find(request, _manifest(model), context)

    async def conclude(
        self, model: LiveModel, prepared: FoundNumbers, outputs: Tensors, context: RequestContext
    ) -> Numbers:
        if not outputs:
            return Numbers([], prepared.scale)
        manifest, (scores,) = _manifest(model), outputs
        readings = await self._preprocessor.read(prepared, scores, READINGS, manifest, context)
        numbers = list(_numbers(manifest.thresholds, prepared, scores, readings))
        for number in numbers:
            self._metrics.read(manifest.name, manifest.version, number.decision)
        return Numbers(numbers, prepared.scale)


def _manifest(model: LiveModel) -> DigitsManifest:
    if not isinstance(model.manifest, DigitsManifest):
        raise WrongTask(f"{model.label} is for {model.manifest.task!r}, and reads no digits; ask it at /v2")
    return model.manifest


def _explained(occlusion: Occlusion, scores: Scores) -> Explanation:
    second, first = np.argsort(scores[0, :ENERGY])[-2:].tolist()
    return Explanation(
        heat(occlusion, scores, first), second, scores[0, second], heat(occlusion, scores, second), occlusion.frames[0]
    )


def _numbers(
    thresholds: Thresholds, found: FoundNumbers, scores: Scores, readings: list[Readings | None]
) -> Iterator[Number]:
    start = 0
    for number, read in zip(found.numbers, readings, strict=True):
        if read is not None:
            yield _number(thresholds, number, read, scores[start:, ENERGY])
        start += len(number.candidates)


def _number(thresholds: Thresholds, number: CutNumber, read: Readings, energies: Scores) -> Number:
    """`energies` are float32 [N], of the number's candidates and what follows."""
    best, *others = read.ways
    confidence, *of_others = read.confidences
    boxes = [number.candidates[index].box for index in best.chosen]
    digits = [Digit(*one) for one in zip(best.digits, read.of_digits, boxes, strict=True)]
    decisions = [decide(thresholds, confidence, -math.inf)]
    for index, sure in zip(best.chosen, read.of_digits, strict=True):
        decisions.append(decide(thresholds, sure, float(energies[index])))
    alternatives = [Reading(other.text, sure) for other, sure in zip(others, of_others, strict=True)]
    return Number(Reading(best.text, confidence), least_sure(decisions), box_around(boxes), digits, alternatives)
