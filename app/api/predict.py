"""POST /v1/predict and /v1/predict/batch: what came -> frames -> the batcher -> the answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect

from app.api import answers, bodies, openapi
from app.api.answers import JSON, NDJSON, NPY
from app.api.exchange import Exchange
from app.api.frames import Batch, Framer
from app.api.observe import ClientGone
from app.api.rate import Rate
from app.config import Settings
from app.errors import BadRequest, ServiceError, TooSlow
from app.imaging.arrays import Frames
from app.inference.batcher import Submission
from app.inference.repository import LiveModel, Repository
from app.metrics import Metrics

T = TypeVar("T")

SLICE = 512  # images whose answers are encoded in one go
PARSED_INLINE = 256 * 1024  # bytes of a batch that the event loop itself takes apart
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
        model, include = self._admit(request, exchange)
        item = bodies.single(exchange.header(b"content-type"), await self._read_body(request, exchange))
        exchange.lap("decode")
        seen = await self._framer.one(item, exchange)
        done = await _infer(model, seen.pixels[np.newaxis], exchange)
        entry = answers.prediction(model, done.probabilities[0], seen, include)
        self._count(model, [entry["decision"]], ())
        return _respond(answers.to_json(entry), JSON, exchange)

    async def batch(self, request: Request) -> Response:
        """Many images in, an answer for each out, in order. An image that cannot be read has its own error.

        `Accept: application/x-npy` gives the probabilities alone, float32 [N, 10], NaN where an image failed;
        `Accept: application/x-ndjson` streams one answer a line.
        """
        exchange: Exchange = request.scope["exchange"]
        model, include = self._admit(request, exchange)
        content = await self._read_body(request, exchange)
        read = partial(bodies.batch, exchange.header(b"content-type"), content, self._settings)
        body = read() if len(content) <= PARSED_INLINE else await asyncio.to_thread(read)
        exchange.lap("decode")
        self._rate.charge(exchange.caller, len(body) - 1)
        batch = await _unless_gone(request, self._framer.many(body, exchange))
        accepted = _accepted(exchange)
        if NDJSON in accepted:
            return StreamingResponse(self._stream(model, batch, include, exchange), media_type=NDJSON)
        done = await _unless_gone(request, _infer(model, batch.frames, exchange))
        decisions = model.decide(done.probabilities)
        self._count(model, decisions, batch.errors.values())
        if NPY in accepted:
            return _respond(answers.batch_npy(batch, done.probabilities), NPY, exchange)
        entries: list[bytes] = []
        for entry in answers.batch_entries(batch, done.probabilities, decisions, include):
            entries.append(entry)
            if len(entries) % SLICE == 0:
                await asyncio.sleep(0)  # so that a large answer does not hold up small ones
        return _respond(answers.batch_document(model, batch, entries), JSON, exchange)

    async def _stream(
        self, model: LiveModel, batch: Batch, include: frozenset[str], exchange: Exchange
    ) -> AsyncIterator[bytes]:
        """Lines of JSON, a few hundred at a time. An error in the middle is the last line: the status has left."""
        for part in batch.parts(SLICE):
            try:
                done = await _infer(model, part.frames, exchange)
            except ServiceError as error:
                yield answers.to_json({"error": answers.problem(error)}) + b"\n"
                return
            decisions = model.decide(done.probabilities)
            self._count(model, decisions, part.errors.values())
            lines = answers.batch_entries(part, done.probabilities, decisions, include)
            yield b"".join(line + b"\n" for line in lines)

    def _admit(self, request: Request, exchange: Exchange) -> tuple[LiveModel, frozenset[str]]:
        """The live model and the additions that the query asks for, before the body is read.

        Raises RateExceeded, ModelNotFound, NoLiveModel, BadRequest.
        """
        self._rate.admit(exchange.caller)
        query = request.query_params
        include = frozenset(filter(None, query.get("include", "").split(",")))
        if unknown := include - INCLUDABLE:
            raise BadRequest(f"?include= takes {', '.join(INCLUDABLE)}; got {', '.join(sorted(unknown))}")
        return self._repository.get(query.get("model") or None, query.get("version") or None), include

    async def _read_body(self, request: Request, exchange: Exchange) -> bytes:
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                body = await request.body()
        except ClientDisconnect as error:
            raise ClientGone from error
        except TimeoutError as error:
            raise TooSlow(f"the body did not arrive within {self._settings.body_seconds:g} s; send it again") from error
        exchange.lap("read")
        return body

    def _count(self, model: LiveModel, decisions: list[str], errors: Iterable[ServiceError]) -> None:
        manifest = model.manifest
        for decision, images in Counter(decisions).items():
            self._metrics.images.labels(manifest.name, manifest.version, decision).inc(images)
        for code, items in Counter(error.code for error in errors).items():
            self._metrics.errors.labels(code).inc(items)


async def _infer(model: LiveModel, frames: Frames, exchange: Exchange) -> Submission:
    exchange.check_deadline(asyncio.get_running_loop().time())
    done = await model.batcher.submit(frames, exchange.deadline)
    exchange.spend("queue", done.queued)
    exchange.spend("infer", done.ran)
    exchange.run_images = done.largest_run
    return done


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await work for as long as somebody waits for it. Raises ClientGone, and abandons it, when the caller hangs up."""
    working, hung_up = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((working, hung_up), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        working.cancel()
        hung_up.cancel()


def _accepted(exchange: Exchange) -> set[str]:
    """The media types that the Accept header names."""
    return {part.partition(";")[0].strip() for part in exchange.header(b"accept").lower().split(",")}


def _respond(body: bytes, media_type: str, exchange: Exchange) -> Response:
    exchange.lap("encode")
    return Response(body, media_type=media_type)
