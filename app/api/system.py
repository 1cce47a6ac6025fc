"""Health probes, metrics and the web page."""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.staticfiles import StaticFiles

from app.api.lifecycle import Lifecycle
from app.api.openapi import ERRORS, Object
from app.errors import Draining, Unavailable
from app.imaging.arrays import Frames
from app.inference.repository import Repository
from app.metrics import Metrics

log = structlog.get_logger()

STATIC = Path(__file__).parent.parent / "static"
JUST_NOW = 1.0  # seconds for which an inference that worked shows readiness
READY_WITHIN = 2.0  # seconds that a probe's own inference may take
# The page takes nothing from anywhere else, and may not be framed.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asks again each time, and is mostly told 304
}


def router(repository: Repository, metrics: Metrics, lifecycle: Lifecycle, golden: Frames) -> APIRouter:
    """Probes and metrics. `golden` is the frame of a digit, uint8 [1, 28, 28], for readiness to read."""
    routes = APIRouter(tags=["system"])
    unavailable: dict[int | str, Object] = {503: ERRORS[503]}

    @routes.get("/health/live", summary="The process answers")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @routes.get("/health/startup", summary="The default model is loaded", responses=unavailable)
    async def startup() -> dict[str, str]:
        repository.get()
        return {"status": "started"}

    @routes.get("/health/ready", summary="A real inference has just worked", responses=unavailable)
    async def ready() -> dict[str, str]:
        if lifecycle.draining:
            raise Draining("the service is shutting down; send new requests to another instance", retry_after=1)
        model = repository.get()
        if perf_counter() - model.batcher.last_success > JUST_NOW:  # busy with real work is ready too
            try:
                await model.batcher.run(golden, asyncio.get_running_loop().time() + READY_WITHIN)
            except Exception as error:  # whatever broke, the answer to a probe is "not ready"
                log.error("not ready", exc_info=error)
                raise Unavailable(
                    "the default model did not answer a test image; see the log", retry_after=1
                ) from error
        return {"status": "ready", "model": model.manifest.name, "version": model.manifest.version}

    @routes.get("/metrics", summary="Prometheus text, over all workers", response_class=Response)
    async def prometheus() -> Response:
        return Response(await metrics.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @routes.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=PAGE_HEADERS)

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            title="digitserve",
            openapi_url="openapi.json",
            swagger_js_url="static/docs/swagger-ui-bundle.js",
            swagger_css_url="static/docs/swagger-ui.css",
            swagger_favicon_url="static/icon.svg",
            swagger_ui_parameters={"validatorUrl": None, "tryItOutEnabled": True},
        )

    return routes


class Page(StaticFiles):
    """The web page and its parts, under a policy that lets in nothing foreign."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(PAGE_HEADERS)
        return response
