"""create_app(settings): wires the rooms, and renders every error in one place."""

import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import NoReturn

import numpy as np
import structlog
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api import answers, models, system
from app.api.exchange import Exchange
from app.api.frames import Framer
from app.api.lifecycle import Lifecycle
from app.api.limits import Limits
from app.api.observe import Observe
from app.api.predict import Predict
from app.config import Settings
from app.errors import BadRequest, MethodNotAllowed, NotFound, ServiceError, StartError
from app.imaging import strokes
from app.inference.repository import Repository
from app.metrics import Metrics, forget_dead_workers

log = structlog.get_logger()

PROBLEM = "application/problem+json"


def create_app(settings: Settings, listener: socket.socket | None = None) -> FastAPI:
    """The whole service. Its models are loaded when it starts up: raises StartError, there, where they cannot be.

    `listener` is the socket that the server accepts from, so that the end can be orderly.
    """
    metrics = Metrics(CollectorRegistry())
    lifecycle = Lifecycle(settings.drain_seconds, listener)
    golden = np.stack([strokes.render(digit) for digit in range(10)])
    repository = Repository(settings, metrics, golden)
    framer = Framer(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        forget_dead_workers()
        try:
            repository.load()
        except StartError as error:
            log.critical("refused to start", reason=str(error))
            raise
        lifecycle.delay_sigterm()
        yield
        framer.close()
        repository.close()

    app = FastAPI(
        title="digitserve",
        version=version("digitserve"),
        description="Classifies images of handwritten digits.",
        lifespan=lifespan,
        docs_url=None,  # served by api.system, from its own files
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the caller made up
    )
    app.include_router(Predict(settings, repository, framer, metrics).router())
    app.include_router(models.router(repository, settings.default_model))
    app.include_router(system.router(repository, metrics, lifecycle, golden[7:8]))
    app.mount("/static", system.Page(), name="static")
    app.add_exception_handler(HTTPException, _translate_http)
    app.add_middleware(Limits, settings=settings)
    app.add_middleware(Observe, metrics=metrics, lifecycle=lifecycle, render=render)  # the last added is outermost
    return app


def render(error: ServiceError, exchange: Exchange) -> Response:
    """The one place where an error becomes an answer. Source: RFC 9457 (problem details), RFC 9110 (Retry-After)."""
    problem = {"type": "about:blank", **answers.problem(error), "request_id": exchange.request_id.decode()}
    headers = {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    return Response(answers.to_json(problem), error.status, headers, PROBLEM)


async def _translate_http(request: Request, error: Exception) -> NoReturn:
    """Starlette's own refusals, in the service's words. Raised again, so that `Observe` renders them as all others."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        raise NotFound(f"there is nothing at {request.url.path}; /docs lists what there is") from error
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        raise MethodNotAllowed(f"{request.url.path} takes {allowed}; {request.method} came", allowed=allowed) from error
    raise BadRequest(str(error.detail)) from error
