"""POST /v1/predict, /v1/predict/batch and /v1/explain: what came -> frames -> the batcher -> the answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable
from functools import partial
from typing import Any

import numpy as np
from starlette.types import Receive

from app.api import answers, openapi
from app.api.admission import Admission
from app.api.answers import NDJSON, NPY
from app.api.exchange import Exchange
from app.api.frames import Batch, Framer
from app.api.front import Answer, Begin, Finish, Handler
from app.api.limits import Limits
from app.api.openapi import Documented
from app.api.work import Seen, Unfinished
from app.errors import BadRequest, ServiceError
from app.imaging.arrays import Frames
from app.inference.occlusion import Occlusion, occlude
from app.inference.repository import LiveModel
from app.inference.submission import Submission
from app.metrics import Metrics

SINGLE, BATCH, EXPLAIN = "/v1/predict", "/v1/predict/batch", "/v1/explain"
SLICE, SLICE_SEEN = 512, 64  # images whose answers are encoded in one go, without and with pictures: milliseconds


class Predict:
    """The handlers of what reads images of one digit each."""

    def __init__(self, admission: Admission, framer: Framer, limits: Limits, metrics: Metrics) -> None:
        self._admission = admission
        self._framer = framer
        self._limits = limits
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    def whole(self) -> dict[str, Begin]:
        return {SINGLE: self.begin_single}

    def documented(self) -> list[Documented]:
        return [
            Documented(SINGLE, self.single, "Read one digit", openapi.SINGLE_ANSWERS, openapi.SINGLE),
            Documented(BATCH, self.batch, "Read many digits", openapi.BATCH_ANSWERS, openapi.BATCH),
            Documented(EXPLAIN, self.explain, "Read one digit, and say why", openapi.EXPLAIN_ANSWERS, openapi.EXPLAIN),
        ]

    def handlers(self) -> dict[str, Handler]:
        return {SINGLE: self.single, BATCH: self.batch, EXPLAIN: self.explain}

    async def single(self, exchange: Exchange, receive: Receive) -> Answer:
        """One image in, one digit out. An image is normalised to MNIST's frame; pixels are taken as they come."""
        model, include = self._admission.admit(exchange, single=True)
        return await self._single(model, include, await self._limits.read_body(exchange, receive), exchange)

    async def explain(self, exchange: Exchange, receive: Receive) -> Answer:
        """One image in, one digit out, and what in the picture speaks for it and for the runner-up.

        Each part of the frame is covered in turn, all in one batch: what matters is where that changes the answer.
        """
        model, include = self._admission.admit(exchange, single=False)
        body = await self._limits.read_body(exchange, receive)
        return await self._single(model, include | {"seen", "heatmap", "runner_up"}, body, exchange)

    async def _single(
        self,
        model: LiveModel,
        include: frozenset[str],
        body: bytes,
        exchange: Exchange,
        begun: Unfinished | None = None,
    ) -> Answer:
        seen: Seen | Unfinished = begun or self._framer.see_here(body, exchange)
        if isinstance(seen, Unfinished):
            seen = await self._framer.see(body, seen, exchange)
        occlusion = occlude(seen.frame.pixels) if "heatmap" in include else None
        frames = seen.frame.pixels[np.newaxis]
        if occlusion is not None:
            frames = occlusion.frames
            seen.budget.charge(occlusion.seconds, "covering the picture in {} places", len(frames) - 1)
        exchange.check_deadline()
        self._admission.charge(exchange, len(frames) - 1)
        submission = await _run(model, frames, exchange)
        return self._read(model, include, seen, exchange, submission, occlusion)

    def begin_single(self, exchange: Exchange, body: bytes, finish: Finish) -> None:
        """The same for a body that is there, and for a small image without a coroutine: making and waking one costs
        more than all that is done here.
        """
        model, include = self._admission.admit(exchange, single=True)
        seen = None if "heatmap" in include else self._framer.see_here(body, exchange)
        if not isinstance(seen, Seen):
            self._finish_later(self._single(model, include, body, exchange, seen), exchange, finish)
            return
        exchange.check_deadline()
        end = partial(self._end_single, model, include, seen, exchange, finish)
        model.batcher.submit(seen.frame.pixels[np.newaxis], end, exchange.deadline, exchange.is_gone)

    def _end_single(
        self,
        model: LiveModel,
        include: frozenset[str],
        seen: Seen,
        exchange: Exchange,
        finish: Finish,
        submission: Submission,
    ) -> None:
        outcome: Answer | Exception
        try:
            outcome = submission.error or self._read(model, include, seen, exchange, submission)
        except Exception as error:
            outcome = error
        finish(exchange, outcome)

    def _read(
        self,
        model: LiveModel,
        include: frozenset[str],
        seen: Seen,
        exchange: Exchange,
        submission: Submission,
        occlusion: Occlusion | None = None,
    ) -> Answer:
        exchange.ran(submission)
        decision, entry = answers.prediction(model, submission.scores[0], seen.frame, include)
        if occlusion is not None:
            entry |= answers.explanation(occlusion, submission.scores, runner_up="runner_up" in include)
        exchange.decision = decision
        self._metrics.read(model.manifest.name, model.manifest.version, decision)
        content = answers.to_json(entry)
        exchange.lap("encode")
        return Answer(content)

    def _finish_later(self, answering: Coroutine[Any, Any, Answer], exchange: Exchange, finish: Finish) -> None:
        async def finish_it() -> None:
            outcome: Answer | Exception
            try:
                outcome = await answering
            except Exception as error:
                outcome = error
            finish(exchange, outcome)

        task = asyncio.create_task(finish_it())
        self._tasks.add(task)  # the event loop itself keeps tasks but weakly
        task.add_done_callback(self._tasks.discard)

    async def batch(self, exchange: Exchange, receive: Receive) -> Answer:
        """Many images in, an answer for each out, in order. An image that cannot be read has its own error.

        `Accept: application/x-npy` gives the probabilities alone, float32 [N, 10], NaN where an image failed;
        `Accept: application/x-ndjson` streams one answer a line.
        """
        model, include = self._admission.admit(exchange, single=False)
        if "heatmap" in include:
            raise BadRequest("?include=heatmap is for one image at a time; send it to /v1/predict or /v1/explain")
        batch = await self._framer.many(await self._limits.read_body(exchange, receive), exchange)
        self._admission.charge(exchange, batch.count - 1)
        accepted = _accepted(exchange)
        if NDJSON in accepted:
            return Answer(self._stream(model, batch, include, exchange), NDJSON.encode())
        done = await _run(model, batch.frames, exchange)
        exchange.ran(done)
        decisions = answers.decide_all(model, batch, done.scores)
        self._count(model, decisions, batch.errors.values())
        if NPY in accepted:
            answer = Answer(answers.batch_npy(batch, done.scores), NPY.encode())
        else:
            entries: list[bytes] = []
            size = _slice(include)
            for entry in answers.batch_entries(model, batch, done.scores, decisions, include):
                entries.append(entry)
                if len(entries) % size == 0:
                    await asyncio.sleep(0)  # so that a large answer does not hold up small ones
            answer = Answer(answers.batch_document(model, batch, entries))
        exchange.lap("encode")
        return answer

    async def _stream(
        self, model: LiveModel, batch: Batch, include: frozenset[str], exchange: Exchange
    ) -> AsyncIterator[bytes]:
        """Lines of JSON, a few hundred at a time. An error in the middle is the last line: the status has left."""
        for part in batch.parts(_slice(include)):
            try:
                done = await _run(model, part.frames, exchange)
            except ServiceError as error:
                yield answers.to_json({"error": answers.problem(error)}) + b"\n"
                return
            exchange.ran(done)
            decisions = answers.decide_all(model, part, done.scores)
            self._count(model, decisions, part.errors.values())
            lines = answers.batch_entries(model, part, done.scores, decisions, include)
            yield b"".join(line + b"\n" for line in lines)

    def _count(self, model: LiveModel, decisions: list[str], errors: Iterable[ServiceError]) -> None:
        manifest = model.manifest
        for decision, images in Counter(decisions).items():
            self._metrics.read(manifest.name, manifest.version, decision, images)
        for code, items in Counter(error.code for error in errors).items():
            self._metrics.errors.labels(code).inc(items)


async def _run(model: LiveModel, frames: Frames, exchange: Exchange) -> Submission:
    exchange.check_deadline()
    return await model.batcher.run(frames, exchange.deadline, exchange.is_gone)


def _slice(include: frozenset[str]) -> int:
    return SLICE_SEEN if include else SLICE


def _accepted(exchange: Exchange) -> set[str]:
    """The media types that the Accept header names."""
    return {part.partition(";")[0].strip() for part in exchange.header(b"accept").lower().split(",")}
