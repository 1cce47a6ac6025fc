"""Health probes and metrics."""

import asyncio
from time import perf_counter

import structlog
from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.config import Right
from app.errors import Draining, Unavailable
from app.http.lifecycle import Lifecycle
from app.http.openapi import REFUSALS, UNAVAILABLE, Object
from app.http.routes import needs, open_to_all
from app.serving.repository import Repository
from app.telemetry.metrics import Metrics

log = structlog.get_logger()

JUST_NOW = 1.0  # seconds for which an inference that worked shows readiness
READY_WITHIN = 2.0  # seconds that a probe's own inference may take
EXPOSITION: Object = {"content": {"text/plain": {"schema": {"type": "string"}}}}


def router(repository: Repository, metrics: Metrics, lifecycle: Lifecycle) -> APIRouter:
    """Probes and metrics."""
    routes = APIRouter(tags=["system"], responses=REFUSALS)

    @routes.get("/health/live", summary="The process answers", operation_id="isLive")
    @open_to_all
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @routes.get("/health/startup", summary="The models are loaded", operation_id="isStarted")
    @open_to_all
    async def startup() -> dict[str, str]:
        return {"status": "started"}

    @routes.get(
        "/health/ready", summary="A real inference has just worked", operation_id="isReady", responses=UNAVAILABLE
    )
    @open_to_all
    async def ready() -> dict[str, str]:
        if lifecycle.draining:
            raise Draining("the service is shutting down; send new requests to another instance", retry_after=1)
        model = repository.get()
        inputs = model.runner.probe()
        if inputs and perf_counter() - model.batcher.last_success > JUST_NOW:  # busy with real work is ready too
            try:
                await model.batcher.submit(inputs, asyncio.get_running_loop().time() + READY_WITHIN)
            except Exception as error:  # whatever broke, the answer to a probe is "not ready"
                log.error("not ready", exc_info=error)
                raise Unavailable(
                    "the default model did not answer a test image; see the log", retry_after=1
                ) from error
        return {"status": "ready", "model": model.manifest.name, "version": model.manifest.version}

    @routes.get(
        "/metrics",
        summary="Prometheus text, over all workers",
        operation_id="getMetrics",
        response_class=Response,
        responses={200: EXPOSITION},
    )
    @needs(Right.METRICS)
    async def prometheus() -> Response:
        return Response((await metrics.collect()).text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
