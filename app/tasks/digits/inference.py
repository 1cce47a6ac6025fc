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
from app.tasks.digits.preprocessor import Preprocessor
from app.tasks.digits.task import IMAGE, OF_ENERGY, PROBABILITIES
from app.tasks.digits.work import LENGTH, BatchRequest, cut_by_lengths
from app.tasks.tensors.operations import conclude_outputs, take_wanted

AT_ONCE = 256  # frames that are made of fractions in one go
FORMS = (
    f"uint8 [N, {SIDE}, {SIDE}], FP32 [N, {SIDE}, {SIDE}, 1] from 0 (background) to 1 (ink), or BYTES [N] of one "
    "encoded picture each"
)


class PreparedFrames(NamedTuple):
    inputs: tuple[Frames]
    wanted: list[Wanted]

    @property
    def rows(self) -> int:
        return len(self.inputs[0])

    @property
    def images(self) -> int:
        return self.rows


class InferDigits:
    """`image` in, `probabilities` of 0 to 9 and `energy` out."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self._preprocessor = preprocessor

    async def prepare(self, model: LiveModel, request: InferenceRequest, context: RequestContext) -> PreparedFrames:
        wanted = take_wanted(model.runner.contract, request.wanted)
        if request.inputs.keys() != {IMAGE.name}:
            raise BadRequest(f"the model takes one input, `{IMAGE.name}`; got {', '.join(request.inputs) or 'none'}")
        frames = await self._frames(model, request, context)
        if not len(frames):
            raise WrongShape("no image came; send at least one")
        return PreparedFrames((frames,), wanted)

    def conclude(
        self, model: LiveModel, prepared: PreparedFrames, outputs: Tensors, __: RequestContext
    ) -> InferenceResult | Coroutine[Any, Any, InferenceResult]:
        (scores,) = outputs
        given = {
            PROBABILITIES.name: Output(PROBABILITIES, scores[:, :ENERGY]),
            OF_ENERGY.name: Output(OF_ENERGY, scores[:, ENERGY]),
        }
        return conclude_outputs(given, prepared.wanted, model.runner.labels)

    async def _frames(self, model: LiveModel, request: InferenceRequest, context: RequestContext) -> Frames:
        values = request.inputs[IMAGE.name]
        if values.dtype == np.uint8 and values.shape[1:] == (SIDE, SIDE):
            return values
        if values.dtype == np.float32 and values.shape[1:] in {(SIDE, SIDE, 1), (SIDE, SIDE)}:
            return await _from_fractions(values)
        if values.dtype == np.object_ and values.ndim == 1:
            return await self._from_pictures(model, values.tolist(), request.sent_bytes, context)
        raise WrongShape(f"`{IMAGE.name}` is {FORMS}; got {values.dtype} {list(values.shape)}")

    async def _from_pictures(
        self, model: LiveModel, pictures: list[bytes], sent_bytes: int | None, context: RequestContext
    ) -> Frames:
        """Raises the first error of a picture, for the protocol has none of single items."""
        body = b"".join(LENGTH.pack(len(one)) + one for one in pictures)
        batch = await self._preprocessor.many(
            BatchRequest(body, cut_by_lengths, sent_bytes=sent_bytes, all_or_none=True), manifest_of(model), context
        )
        return batch.frames


async def _from_fractions(values: Array) -> Frames:
    """Some frames at a time: others have their turn in between. Raises WrongShape."""
    frames = np.empty((len(values), SIDE, SIDE), np.uint8)
    for start in range(0, len(values), AT_ONCE):
        some = values[start : start + AT_ONCE].reshape(-1, SIDE, SIDE)
        if not (some.min() >= 0 and some.max() <= 1):  # nor for what is no number
            raise WrongShape(f"`{IMAGE.name}` as FP32 goes from 0 (background) to 1 (ink); other values came")
        np.rint(some * 255, out=frames[start : start + AT_ONCE], casting="unsafe")
        if start + AT_ONCE < len(values):
            await asyncio.sleep(0)
    return frames
