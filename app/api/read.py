"""POST /v1/read: the whole numbers in a photo or a scan."""

import asyncio
import math
from typing import Any

import numpy as np
from starlette.types import Receive

from app.api import answers, bodies, openapi
from app.api.admission import Admission
from app.api.exchange import Exchange
from app.api.frames import Framer, Sheet
from app.api.front import Answer, Handler
from app.api.limits import Limits
from app.api.openapi import Documented
from app.errors import BadRequest
from app.imaging import readings
from app.imaging.numbers import Number
from app.imaging.parts import Box, box_around
from app.imaging.readings import Reading
from app.inference.repository import LiveModel
from app.inference.session import ENERGY, Scores
from app.metrics import Metrics

PATH = "/v1/read"
READINGS = 5  # of a number: the best, and the next best ones
DECISIONS = ("accept", "review", "reject")


class Read:
    """The handler of whole numbers."""

    def __init__(self, admission: Admission, framer: Framer, limits: Limits, metrics: Metrics) -> None:
        self._admission = admission
        self._framer = framer
        self._limits = limits
        self._metrics = metrics

    def handlers(self) -> dict[str, Handler]:
        return {PATH: self.read}

    def documented(self) -> list[Documented]:
        return [Documented(PATH, self.read, "Read whole numbers", openapi.READ_ANSWERS, openapi.READ)]

    async def read(self, exchange: Exchange, receive: Receive) -> Answer:
        """One photo or scan in, every number in it out: its text, its place and that of each digit, and other readings.

        Boxes are x, y, width and height in the image's own pixels, upright.
        """
        model, include = self._admission.admit(exchange, single=False)
        if include:
            raise BadRequest(f"{PATH} takes no ?include=; got {', '.join(sorted(include))}. Send it to /v1/predict.")
        item = bodies.single(exchange.header(b"content-type"), await self._limits.read_body(exchange, receive))
        exchange.lap("decode")
        sheet = await self._framer.numbers(item, exchange)
        frames = [candidate.frame for number in sheet.numbers for candidate in number.candidates]
        found = []
        if frames:
            exchange.check_deadline()
            self._admission.charge(exchange, len(frames) - 1)
            submission = await model.batcher.run(np.stack(frames), exchange.deadline, exchange.is_gone)
            exchange.ran(submission)
            found = await asyncio.to_thread(_found, model, sheet, submission.scores)
            for entry in found:
                self._metrics.read(model.manifest.name, model.manifest.version, entry["decision"])
        content = answers.to_json({"numbers": found, "model": model.reference})
        exchange.lap("encode")
        return Answer(content)


def _found(model: LiveModel, sheet: Sheet, scores: Scores) -> list[dict[str, Any]]:
    found, start = [], 0
    for number in sheet.numbers:
        own = scores[start : start + len(number.candidates)]
        start += len(number.candidates)
        if ways := readings.read(number, own, READINGS):
            found.append(_entry(model, number, ways, own, sheet.scale))
    return found


def _entry(model: LiveModel, number: Number, ways: list[Reading], scores: Scores, scale: float) -> dict[str, Any]:
    best, *others = ways
    confidence, *of_others = readings.confidences(ways, scores)
    digits, decisions = [], [model.decide(confidence, -math.inf)]
    for digit, index, sure in zip(best.digits, best.chosen, readings.of_digits(best, scores), strict=True):
        decisions.append(model.decide(sure, float(scores[index, ENERGY])))
        digits.append({"digit": digit, "confidence": sure, "box": _box(number.candidates[index].box, scale)})
    return {
        "text": best.text,
        "confidence": confidence,
        "decision": max(decisions, key=DECISIONS.index),
        "box": _box(box_around([number.candidates[index].box for index in best.chosen]), scale),
        "digits": digits,
        "alternatives": [
            {"text": other.text, "confidence": sure} for other, sure in zip(others, of_others, strict=True)
        ],
    }


def _box(box: Box, scale: float) -> list[float]:
    return [round(side * scale, 1) for side in (box.left, box.top, box.width, box.height)]
