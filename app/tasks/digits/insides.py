"""What each layer of a live model makes of one frame, for people to look at: from a copy of the model that gives it.

A copy is opened when it is first asked for, and goes with its model. All are opened and run on one thread, apart from
the model's own runs, so that looking holds up nobody who reads.
"""

import asyncio
import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from app.config import Settings
from app.errors import BundleError, CallerGone, NotShown, QueueFull
from app.inference import bundle
from app.inference.inner import Inner, inner_of, with_outputs
from app.inference.session import Session
from app.serving.context import IsGone, RequestContext
from app.serving.repository import LiveModel
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.manifest import DigitsManifest

MOST_BYTES = 16 * 1024 * 1024  # of a model.onnx: its copy takes as much again
MOST_LAYERS, MOST_MAPS, MOST_UNITS = 48, 64, 1024  # that are shown: of a model, of a layer, of one without maps
MOST_WAITING = 8
SECONDS = 10e-3  # of work: five times what a network of the default's size takes, with its answer
RETRY_SECONDS = 1.0
NOT_ZERO = 1e-30  # where all values are alike


class Layer(NamedTuple):
    """What one makes of a frame."""

    name: str
    operator: str
    shape: tuple[int, ...]
    """Without the one image's own axis."""
    low: float
    high: float
    """Of all its values."""
    maps: NDArray[np.uint8]
    """[N, height, width], 0 for `low` and 255 for `high`; the first ones, where there are more."""


class Insides:
    """Of all live models."""

    def __init__(self, settings: Settings) -> None:
        self._models = settings.models
        self._run_bytes = settings.max_run_bytes
        self._copies: WeakKeyDictionary[LiveModel, _Copy | NotShown] = WeakKeyDictionary()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="layers")
        self._waiting = 0

    async def layers(self, model: LiveModel, frame: Frames, context: RequestContext) -> list[Layer]:
        """Of a frame, uint8 [28, 28]. Raises NotShown, QueueFull, DeadlineExceeded, CallerGone."""
        if self._waiting == MOST_WAITING:
            raise QueueFull(f"{MOST_WAITING} wait to see layers already", retry_after=RETRY_SECONDS)
        self._waiting += 1
        loop, began = asyncio.get_running_loop(), perf_counter()
        job = self._thread.submit(self._layers, model, frame, context.is_gone)
        answer: asyncio.Future[list[Layer]] = loop.create_future()
        job.add_done_callback(partial(_report, loop, answer))
        timer = None if context.deadline == math.inf else loop.call_at(context.deadline, _expire, answer)
        try:
            return await answer
        except TimeoutError as error:
            job.cancel()
            raise context.too_late("while layers were drawn") from error
        finally:
            if timer is not None:
                timer.cancel()
            del answer  # as in `serving/pool`: with its error it would be a cycle
            self._waiting -= 1
            context.spend("infer", perf_counter() - began)

    def _layers(self, model: LiveModel, frame: Frames, is_gone: IsGone) -> list[Layer]:
        if is_gone():
            raise CallerGone
        if model not in self._copies:
            try:
                self._copies[model] = _Copy(self._models, model, self._run_bytes)
            except NotShown as error:
                self._copies[model] = error
        copy = self._copies[model]
        if isinstance(copy, NotShown):
            raise copy.bare()
        return copy.layers(frame)


class _Copy:
    """A model that gives what its layers make."""

    def __init__(self, models: Path, model: LiveModel, run_bytes: int) -> None:
        """Raises NotShown."""
        self._label = model.label
        folder = models / model.manifest.name / model.manifest.version
        try:
            size = (folder / bundle.MODEL_FILE).stat().st_size
            if size > MOST_BYTES:
                raise self._not_shown(f"it has {size:,} bytes, and those of up to {MOST_BYTES:,} are shown")
            found = bundle.read(folder, DigitsManifest)
            if found.manifest.model_sha256 != model.manifest.model_sha256:
                raise self._not_shown("its files have been changed since it was loaded")
            layers = inner_of(found.model)
            chosen = sorted({round(place) for place in np.linspace(0, len(layers) - 1, MOST_LAYERS)}) if layers else []
            self._inner: list[Inner] = [layers[place] for place in chosen]
            copy = with_outputs(found.model, [inner.value for inner in self._inner])
            self._session = Session(copy, device="cpu", run_bytes=run_bytes)
        except (BundleError, OSError) as error:
            raise self._not_shown(str(error)) from error

    def layers(self, frame: Frames) -> list[Layer]:
        """Raises NotShown."""
        try:
            values = self._session.run((frame[np.newaxis],))
        except Exception as error:  # whatever ONNX Runtime raises
            raise self._not_shown(str(error)) from error
        by_name = {spec.name: value for spec, value in zip(self._session.outputs, values, strict=True)}
        shown = [(inner, by_name[inner.value]) for inner in self._inner]
        return [_layer(inner, value) for inner, value in shown if value.dtype == np.float32 and value.size > 1]

    def _not_shown(self, why: str) -> NotShown:
        return NotShown(f"the layers of {self._label} cannot be shown: {why}. Ask without include=layers.")


def _report(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[list[Layer]]", job: "Future[list[Layer]]") -> None:
    loop.call_soon_threadsafe(_settle, answer, job)


def _settle(answer: "asyncio.Future[list[Layer]]", job: "Future[list[Layer]]") -> None:
    if answer.done() or job.cancelled():
        return
    if error := job.exception():
        answer.set_exception(error)
    else:
        answer.set_result(job.result())


def _expire(answer: "asyncio.Future[list[Layer]]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _layer(inner: Inner, value: NDArray[Any]) -> Layer:
    value = np.nan_to_num(value[0] if value.shape[0] == 1 else value)
    shape = value.shape
    maps = _maps(value)
    low, high = float(value.min()), float(value.max())
    shades = np.rint((maps - low) * (255 / max(high - low, NOT_ZERO))).astype(np.uint8)
    return Layer(inner.name, inner.operator, shape, low, high, shades)


def _maps(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """As [N, height, width], of no more pixels than the frame has: every second one of what is twice as large."""
    if value.ndim < 2 or value.size == max(value.shape):
        return value.reshape(1, 1, -1)[..., :MOST_UNITS]
    maps = value.reshape(-1, *value.shape[-2:])[:MOST_MAPS]
    down, across = (-(-side // SIDE) for side in maps.shape[1:])
    return maps[:, ::down, ::across]
