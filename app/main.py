"""create_app(settings): wires the rooms, and renders every error in one place."""

import gc
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import NoReturn

import numpy as np
import structlog
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from app.api import answers, assets, models, system
from app.api.access import AccessLog
from app.api.admission import Admission
from app.api.doors import Doors
from app.api.exchange import Exchange
from app.api.frames import Framer
from app.api.front import Answer, Front, HandBack
from app.api.lifecycle import Lifecycle, Parent
from app.api.limits import Limits
from app.api.openapi import describe, document
from app.api.predict import Predict
from app.api.proxies import Proxies
from app.api.read import Read
from app.config import Settings, networks
from app.errors import BadRequest, MethodNotAllowed, ServiceError, StartError
from app.imaging import strokes
from app.inference.repository import Repository
from app.metrics import Metrics

log = structlog.get_logger()

GARBAGE_BEFORE_COLLECTION = 20_000  # objects; requests leave no cycles, so that looking for some seldom finds any
PROBLEM = b"application/problem+json"


def create_app(settings: Settings, parent: Parent | None = None) -> Front:
    """The whole service. Its models are loaded when it starts up: raises StartError, there, where they cannot be.

    `parent` is that of the workers, where this is one.
    """
    metrics = Metrics(CollectorRegistry())
    lifecycle = Lifecycle(settings.drain_seconds, parent)
    golden = np.stack([strokes.render(digit) for digit in range(10)])
    repository = Repository(settings, metrics, golden)
    framer = Framer(settings)
    limits = Limits(settings)
    admission = Admission(settings, repository)
    predict = Predict(admission, framer, limits, metrics)
    read = Read(admission, framer, limits, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        framer.start()  # while the models are loaded
        try:
            repository.load()
            await framer.begin()
            if parent is not None:
                parent.join(repository.digests())
        except StartError as error:
            log.critical("refused to start", reason=str(error))
            await framer.close()
            raise
        gc.collect()
        gc.freeze()  # what stands now stays: no collection needs to look at it again
        gc.set_threshold(GARBAGE_BEFORE_COLLECTION)
        lifecycle.handle_signals()
        metrics.watch_loop()
        yield
        await framer.close()
        repository.close()
        metrics.flush()

    framework = FastAPI(
        title="digitserve",
        version=version("digitserve"),
        description="Classifies images of handwritten digits.",
        lifespan=lifespan,
        openapi_url=None,  # api.openapi makes it once
        docs_url=None,  # api.assets has its own
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the caller made up
    )
    routers = [
        document([*predict.documented(), *read.documented()]),
        models.router(repository, settings.default_model),
        system.router(repository, metrics, lifecycle, golden[7:8]),
        describe(framework),
        assets.router(),
    ]
    for router in routers:
        framework.include_router(router)
    framework.add_exception_handler(HTTPException, _translate_http)
    framework.add_middleware(HandBack)
    return Front(
        framework,
        predict.whole(),
        {**predict.handlers(), **read.handlers()},
        doors=Doors(route for router in routers for route in router.routes),
        proxies=Proxies(proxies) if (proxies := networks(settings.trusted_proxies)) else None,
        limits=limits,
        metrics=metrics,
        access=AccessLog(settings.access_lines),
        lifecycle=lifecycle,
        render=render,
    )


def render(error: ServiceError, exchange: Exchange) -> Answer:
    """The one place where an error becomes an answer. Source: RFC 9457 (problem details), RFC 9110 (Retry-After)."""
    problem = {"type": "about:blank", **answers.problem(error), "request_id": exchange.request_id.decode()}
    headers: list[tuple[bytes, bytes]] = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode()))
    return Answer(answers.to_json(problem), PROBLEM, error.status, tuple(headers))


async def _translate_http(request: Request, error: Exception) -> NoReturn:
    """Starlette's own refusals, in the service's words. Raised again, so that `Front` renders them as all others."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        raise MethodNotAllowed(f"{request.url.path} takes {allowed}; {request.method} came", allowed=allowed) from error
    raise BadRequest(str(error.detail)) from error
