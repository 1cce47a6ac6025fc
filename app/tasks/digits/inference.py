"""Digits by named tensors: `image` as frames, as floats, or as encoded pictures, prepared as in any request."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple

import numpy as np

from app.errors import BadRequest, WrongShape
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.repository import LiveModel
from app.serving.tensors import Array, InferenceRequest, InferenceResult, Output, Wanted
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.classifier import ENERGY
from app.tasks.digits.operations import manifest_of
from app.tasks.digits.preprocessor import Batch, Preprocessor
from app.tasks.digits.requests import LENGTH, BatchRequest, cut_by_lengths
from app.tasks.digits.task import IMAGE, OF_ENERGY, PROBABILITIES
from app.tasks.tensors.operations import conclude_outputs, take_wanted

AT_ONCE = 256  # frames that are made of fractions in one go
FORMS = (
    f"uint8 [N, {SIDE}, {SIDE}], FP32 [N, {SIDE}, {SIDE}, 1] from 0 (background) to 1 (ink), or BYTES [N] of one "
    "encoded picture each"
)


class PreparedFrames(NamedTuple):
    inputs: Tensors
    wanted: list[Wanted]
    pictures: Batch | None = None
    """What came as encoded pictures, which may be several frames each."""

    @property
    def rows(self) -> int:
        return len(self.inputs[0])

    @property
    def images(self) -> int:
        return self.rows if self.pictures is None else self.pictures.images


class InferDigits:
    """`image` in, `probabilities` of 0 to 9 and `energy` out."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self._preprocessor = preprocessor

    def prepare(
        self, model: LiveModel, request: InferenceRequest, context: RequestContext
    ) -> PreparedFrames | Coroutine[Any, Any, PreparedFrames]:
        wanted = take_wanted(model.runner.contract, request.wanted)
        if request.inputs.keys() != {IMAGE.name}:
            raise BadRequest(f"the model takes one input, `{IMAGE.name}`; got {', '.join(request.inputs) or 'none'}")
        values = request.inputs[IMAGE.name]
        if not values.size:
            raise WrongShape("no image came; send at least one")
        if values.dtype == np.object_ and values.ndim == 1:
            return self._from_pictures(model, request, wanted, context)
        if values.dtype == np.uint8 and values.shape[1:] == (SIDE, SIDE):
            return PreparedFrames((values,), wanted)
        if values.dtype != np.float32 or values.shape[1:] not in {(SIDE, SIDE, 1), (SIDE, SIDE)}:
            raise WrongShape(f"`{IMAGE.name}` is {FORMS}; got {values.dtype} {list(values.shape)}")
        if len(values) > AT_ONCE:
            return _from_many_fractions(values, wanted)
        return PreparedFrames((_from_fractions(values),), wanted)

    def conclude(
        self, model: LiveModel, prepared: PreparedFrames, outputs: Tensors, __: RequestContext
    ) -> InferenceResult | Coroutine[Any, Any, InferenceResult]:
        (scores,) = outputs
        if prepared.pictures is not None:
            _, scores = prepared.pictures.chosen(scores, manifest_of(model).preparation.margin)
        given = {
            PROBABILITIES.name: Output(PROBABILITIES, scores[:, :ENERGY]),
            OF_ENERGY.name: Output(OF_ENERGY, scores[:, ENERGY]),
        }
        return conclude_outputs(given, prepared.wanted, model.runner.labels)

    async def _from_pictures(
        self, model: LiveModel, request: InferenceRequest, wanted: list[Wanted], context: RequestContext
    ) -> PreparedFrames:
        """Raises the first error of a picture, for the protocol has none of single items."""
        body = b"".join(LENGTH.pack(len(one)) + one for one in request.inputs[IMAGE.name].tolist())
        pictures = BatchRequest(body, cut_by_lengths, sent_bytes=context.sent_bytes, all_or_none=True)
        batch = await self._preprocessor.many(pictures, manifest_of(model), context)
        return PreparedFrames(batch.inputs, wanted, batch)


async def _from_many_fractions(values: Array, wanted: list[Wanted]) -> PreparedFrames:
    """Some at a time: others have their turn in between. Raises WrongShape."""
    frames = np.empty((len(values), SIDE, SIDE), np.uint8)
    for start in range(0, len(values), AT_ONCE):
        frames[start : start + AT_ONCE] = _from_fractions(values[start : start + AT_ONCE])
        await asyncio.sleep(0)
    return PreparedFrames((frames,), wanted)


def _from_fractions(values: Array) -> Frames:
    if not (values.min() >= 0 and values.max() <= 1):  # nor is what is no number
        raise WrongShape(f"`{IMAGE.name}` as FP32 goes from 0 (background) to 1 (ink); other values came")
    frames: Frames = np.rint(values.reshape(-1, SIDE, SIDE) * 255).astype(np.uint8)
    return frames
