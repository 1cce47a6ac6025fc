"""Ten known digits that live models are asked from time to time: what breaks quietly shows there first."""

import asyncio

import numpy as np
import structlog

from app.errors import ServiceError
from app.serving.repository import LiveModel, Repository
from app.tasks.digits import strokes
from app.tasks.digits.classifier import ENERGY
from app.tasks.digits.manifest import DigitsManifest
from app.telemetry.metrics import Metrics

log = structlog.get_logger()

RIGHT, WRONG = "right", "wrong"
WITHIN_SECONDS = 5.0  # an answer is looked for; a busy model shows that it works


async def watch(repository: Repository, metrics: Metrics, every_seconds: float) -> None:
    """Count of every live model that reads digits how many it reads right, until this is cancelled."""
    frames = np.stack([strokes.render(digit) for digit in strokes.DIGITS])
    while True:
        await asyncio.sleep(every_seconds)
        for model in repository.all():
            if isinstance(model.manifest, DigitsManifest):
                await _ask(model, frames, metrics)


async def _ask(model: LiveModel, frames: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], metrics: Metrics) -> None:
    labels = model.manifest.name, model.manifest.version
    try:
        done = await model.batcher.submit((frames,), asyncio.get_running_loop().time() + WITHIN_SECONDS)
    except ServiceError:  # too busy, or unloaded just now: which says nothing of what it would read
        return
    except Exception as error:
        log.error("a known digit could not be read", model=model.label, exc_info=error)
        right = 0
    else:
        right = int((done.outputs[0][:, :ENERGY].argmax(axis=1) == np.array(strokes.DIGITS)).sum())
    metrics.golden_digits.labels(*labels, RIGHT).inc(right)
    metrics.golden_digits.labels(*labels, WRONG).inc(len(frames) - right)
