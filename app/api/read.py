"""POST /v1/read: the whole numbers in a photo or a scan."""

import math
from collections.abc import Iterator
from typing import Any

from starlette.types import Receive

from app.api import answers, openapi
from app.api.admission import Admission
from app.api.exchange import Exchange
from app.api.frames import Framer
from app.api.front import Answer, Handler
from app.api.limits import Limits
from app.api.openapi import Documented
from app.api.work import Readings, Sheet
from app.errors import BadRequest
from app.imaging.numbers import Number
from app.imaging.parts import Box, box_around
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
        sheet = await self._framer.find(await self._limits.read_body(exchange, receive), exchange)
        found = []
        if len(sheet.frames):
            exchange.check_deadline()
            self._admission.charge(exchange, len(sheet.frames) - 1)
            submission = await model.batcher.run(sheet.frames, exchange.deadline, exchange.is_gone)
            exchange.ran(submission)
            reads = await self._framer.read(sheet, submission.scores, READINGS, exchange)
            found = list(_entries(model, sheet, submission.scores, reads))
            for entry in found:
                self._metrics.read(model.manifest.name, model.manifest.version, entry["decision"])
        content = answers.to_json({"numbers": found, "model": model.reference})
        exchange.lap("encode")
        return Answer(content)


def _entries(model: LiveModel, sheet: Sheet, scores: Scores, reads: list[Readings | None]) -> Iterator[dict[str, Any]]:
    start = 0
    for number, read in zip(sheet.numbers, reads, strict=True):
        if read is not None:
            yield _entry(model, number, read, scores[start:, ENERGY], sheet.scale)
        start += len(number.candidates)


def _entry(model: LiveModel, number: Number, read: Readings, energies: Scores, scale: float) -> dict[str, Any]:
    """`energies` are float32 [N], of the number's candidates and what follows."""
    best, *others = read.ways
    confidence, *of_others = read.confidences
    digits, decisions = [], [model.decide(confidence, -math.inf)]
    for digit, index, sure in zip(best.digits, best.chosen, read.of_digits, strict=True):
        decisions.append(model.decide(sure, float(energies[index])))
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
