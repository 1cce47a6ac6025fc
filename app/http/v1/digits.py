"""POST /v1/predict, /v1/predict/batch, /v1/explain and /v1/read: bodies in, the typed result out, as /v1 writes it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from app.config import Settings
from app.errors import BadRequest, ServiceError
from app.http.endpoint import Endpoint
from app.http.exchange import Answer, Exchange
from app.http.v1 import answers, bodies
from app.http.v1.answers import NDJSON
from app.http.v1.bodies import BatchLimits
from app.http.v1.media_types import NPY
from app.http.v1.queries import Query, query_of
from app.serving.repository import LiveModel
from app.serving.service import Service
from app.tasks.digits.insides import Insides
from app.tasks.digits.operations import Predict, PredictBatch, ReadNumbers
from app.tasks.digits.preprocessor import Preprocessor
from app.tasks.digits.requests import ImageRequest
from app.tasks.digits.results import Predictions
from app.tasks.lines.reading import Lines
from app.telemetry.metrics import Metrics

SINGLE, BATCH, EXPLAIN, READ = "/v1/predict", "/v1/predict/batch", "/v1/explain", "/v1/read"
Admitted = tuple[LiveModel, Query]
SLICE, SLICE_SEEN = 512, 64  # images whose answers are encoded in one go, without and with pictures: milliseconds


class Digits:
    """The endpoints of what reads digits."""

    def __init__(
        self, settings: Settings, service: Service, preprocessor: Preprocessor, lines: Lines, metrics: Metrics
    ) -> None:
        self._service = service
        self._limits = BatchLimits(settings.max_batch_images, settings.max_body_bytes, settings.max_unpacked_bytes)
        self._predict = Predict(preprocessor, Insides(settings), metrics)
        self._batch = PredictBatch(preprocessor, metrics)
        self._read = ReadNumbers(preprocessor, lines, metrics)

    def endpoints(self) -> dict[str, Endpoint]:
        """By path."""
        one, more = partial(self._admit, single=True), partial(self._admit, single=False)
        return {
            SINGLE: Endpoint(one, self.single),
            EXPLAIN: Endpoint(more, self.explain),
            READ: Endpoint(more, self.read),
            BATCH: Endpoint(more, self.batch, in_one_piece=False),
        }

    def _admit(self, exchange: Exchange, *, single: bool) -> Admitted:
        query = query_of(exchange.query)
        if single and (only := query.include & answers.WITH_EXPLANATIONS):
            raise BadRequest(f"?include={','.join(sorted(only))} is for {EXPLAIN}; send it there")
        return self._service.admit(query.model, query.version, exchange, single=single), query

    async def single(self, exchange: Exchange, admitted: Admitted, content: bytes) -> Answer:
        """One image in, one digit out. An image is normalised to MNIST's frame; pixels are taken as they come."""
        model, (_, _, include, page) = admitted
        content_type = exchange.header(b"content-type")
        request = bodies.image_request(content_type, content, explain="heatmap" in include, page=page)
        if include:
            request = request._replace(trail="stages" in include, layers="layers" in include)
        prediction = await self._service.infer(self._predict, model, request, exchange)
        answer = Answer(answers.prediction(model.reference, prediction, include))
        exchange.lap("encode")
        return answer

    def explain(self, exchange: Exchange, admitted: Admitted, content: bytes) -> Coroutine[Any, Any, Answer]:
        """One image in, one digit out, and what in the picture speaks for it and for the runner-up.

        Each part of the frame is covered in turn, all in one batch: what matters is where that changes the answer.
        `?include=stages` shows the way from the picture to the frame, `?include=layers` what the model's layers make
        of that.
        """
        model, query = admitted
        explained = query._replace(include=query.include | answers.EXPLAINED)
        return self.single(exchange, (model, explained), content)

    async def batch(self, exchange: Exchange, admitted: Admitted, content: bytes) -> Answer:
        """Many images in, an answer for each out, in order. An image that cannot be read has its own error.

        `Accept: application/x-npy` gives the probabilities alone, float32 [N, 10], NaN where an image failed;
        `Accept: application/x-ndjson` streams one answer a line.
        """
        model, (_, _, include, page) = admitted
        alone = include - {"seen"}
        if alone or page != 1:
            named = "?page=" if page != 1 else f"?include={','.join(sorted(alone))}"
            raise BadRequest(f"{named} is for one image at a time; send it to {EXPLAIN}")
        request = bodies.batch_request(exchange.header(b"content-type"), content, self._limits)
        accepted = _accepted(exchange)
        if NDJSON in accepted:
            results = self._service.stream(self._batch, model, request, exchange, _slice(include))
            first = await anext(results)  # so that what is wrong with the whole still has a status of its own
            return Answer(_lines(first, results, include), NDJSON.encode())
        predictions = await self._service.infer(self._batch, model, request, exchange)
        if NPY in accepted:
            answer = Answer(answers.batch_npy(predictions), NPY.encode())
        else:
            entries: list[bytes] = []
            size = _slice(include)
            for entry in answers.batch_entries(predictions, include):
                entries.append(entry)
                if len(entries) % size == 0:
                    await asyncio.sleep(0)  # so that a large answer does not hold up small ones
            answer = Answer(answers.batch_document(model.reference, predictions, entries))
        exchange.lap("encode")
        return answer

    async def read(self, exchange: Exchange, admitted: Admitted, content: bytes) -> Answer:
        """One photo or scan in, every number in it out: its text, its place and that of each digit, and other readings.

        Boxes are x, y, width and height in the image's own pixels, upright.
        """
        model, (_, _, include, page) = admitted
        if include:
            raise BadRequest(f"{READ} takes no ?include=; got {', '.join(sorted(include))}. Send it to /v1/predict.")
        request = ImageRequest(content, bodies.cut_of(exchange.header(b"content-type"), page))
        numbers = await self._service.infer(self._read, model, request, exchange)
        answer = Answer(answers.numbers(model.reference, numbers))
        exchange.lap("encode")
        return answer


async def _lines(
    first: Predictions, others: AsyncIterator[Predictions], include: frozenset[str]
) -> AsyncIterator[bytes]:
    """Lines of JSON, a few hundred at a time. An error in the middle is the last line: the status has left."""
    yield answers.lines(first, include)
    try:
        async for predictions in others:
            yield answers.lines(predictions, include)
    except ServiceError as error:
        yield answers.error_line(error)


def _slice(include: frozenset[str]) -> int:
    return SLICE_SEEN if include else SLICE


def _accepted(exchange: Exchange) -> set[str]:
    """The media types that the Accept header names."""
    return {part.partition(";")[0].strip() for part in exchange.header(b"accept").lower().split(",")}
