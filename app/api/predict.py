"""POST /v1/predict and /v1/predict/batch: what came -> frames -> the batcher -> the answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect

from app.api import answers, bodies, openapi
from app.api.answers import JSON, NDJSON, NPY, Entry
from app.api.exchange import Exchange
from app.api.frames import Batch, Framer
from app.api.observe import ClientGone
from app.api.rate import Rate
from app.config import Settings
from app.errors import BadRequest, ServiceError
from app.imaging.arrays import Frames
from app.inference.batcher import Submission
from app.inference.repository import LiveModel, Repository
from app.metrics import Metrics

STREAMED = 512  # images whose answers leave together in an NDJSON stream
INCLUDABLE = frozenset({"seen"})


class Predict:
    """The two endpoints. The model version is chosen once, when a request begins, and kept to its end."""

    def __init__(self, settings: Settings, repository: Repository, framer: Framer, metrics: Metrics) -> None:
        self._settings = settings
        self._repository = repository
        self._framer = framer
        self._metrics = metrics
        self._rate = Rate(settings.rate_images_per_second)

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["predict"])
        router.add_api_route(
            "/predict",
            self.single,
            methods=["POST"],
            summary="Read one digit",
            responses=openapi.SINGLE_ANSWERS,
            openapi_extra=openapi.SINGLE,
        )
        router.add_api_route(
            "/predict/batch",
            self.batch,
            methods=["POST"],
            summary="Read many digits",
            responses=openapi.BATCH_ANSWERS,
            openapi_extra=openapi.BATCH,
        )
        return router

    async def single(self, request: Request) -> Response:
        """One image in, one digit out. An image is normalised to MNIST's frame; pixels are taken as they come."""
        exchange: Exchange = request.scope["exchange"]
        model, include = self._choose(request)
        item = bodies.single(exchange.header(b"content-type"), await _read_body(request, exchange))
        self._rate.charge(exchange.caller, 1)
        seen = await self._framer.one(item, exchange)
        done = await _infer(model, seen.pixels[None], exchange)
        entry = answers.prediction(model, done.probabilities[0], seen, include)
        self._count(model, [entry])
        return _respond(answers.to_json(entry), JSON, exchange)

    async def batch(self, request: Request) -> Response:
        """Many images in, an answer for each out, in order. An image that cannot be read has its own error.

        `Accept: application/x-npy` gives the probabilities alone, float32 [N, 10], NaN where an image failed;
        `Accept: application/x-ndjson` streams one answer a line.
        """
        exchange: Exchange = request.scope["exchange"]
        model, include = self._choose(request)
        body = bodies.batch(exchange.header(b"content-type"), await _read_body(request, exchange), self._settings)
        self._rate.charge(exchange.caller, len(body))
        batch = await self._framer.many(body, exchange)
        accept = exchange.header(b"accept")
        if NDJSON in accept:
            return StreamingResponse(self._stream(model, batch, include, exchange), media_type=NDJSON)
        done = await _infer(model, batch.frames, exchange)
        if NPY in accept:
            return _respond(answers.batch_npy(batch, done.probabilities), NPY, exchange)
        entries = list(answers.batch_entries(model, batch, done.probabilities, include))
        self._count(model, entries)
        return _respond(answers.to_json(answers.batch_document(model, entries)), JSON, exchange)

    async def _stream(
        self, model: LiveModel, batch: Batch, include: frozenset[str], exchange: Exchange
    ) -> AsyncIterator[bytes]:
        """Lines of JSON, a few hundred at a time. An error in the middle is the last line: the status has left."""
        for part in batch.parts(STREAMED):
            try:
                done = await _infer(model, part.frames, exchange)
            except ServiceError as error:
                yield answers.to_json({"error": answers.problem(error)}) + b"\n"
                return
            entries = list(answers.batch_entries(model, part, done.probabilities, include))
            self._count(model, entries)
            yield b"".join(answers.to_json(entry) + b"\n" for entry in entries)

    def _choose(self, request: Request) -> tuple[LiveModel, frozenset[str]]:
        """The live model and the additions that the query asks for. Raises ModelNotFound, NoLiveModel, BadRequest."""
        query = request.query_params
        include = frozenset(filter(None, query.get("include", "").split(",")))
        if unknown := include - INCLUDABLE:
            raise BadRequest(f"?include= takes {', '.join(INCLUDABLE)}; got {', '.join(sorted(unknown))}")
        return self._repository.get(query.get("model"), query.get("version")), include

    def _count(self, model: LiveModel, entries: list[Entry]) -> None:
        manifest = model.manifest
        decisions = Counter(entry.get("decision") for entry in entries)
        for decision, images in decisions.items():
            if decision is not None:
                self._metrics.images.labels(manifest.name, manifest.version, decision).inc(images)
        for entry in entries:
            if "error" in entry:
                self._metrics.errors.labels(entry["error"]["code"]).inc()


async def _read_body(request: Request, exchange: Exchange) -> bytes:
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise ClientGone from error
    exchange.lap("read")
    return body


async def _infer(model: LiveModel, frames: Frames, exchange: Exchange) -> Submission:
    exchange.check_deadline(asyncio.get_running_loop().time())
    done = await model.batcher.submit(frames, exchange.deadline)
    exchange.spend("queue", done.queued)
    exchange.spend("infer", done.ran)
    exchange.run_images = done.largest_run
    return done


def _respond(body: bytes, media_type: str, exchange: Exchange) -> Response:
    exchange.lap("encode")
    return Response(body, media_type=media_type)
