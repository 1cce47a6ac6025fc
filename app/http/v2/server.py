"""GET /v2: the server and its health, as the Open Inference Protocol says them."""

from fastapi import APIRouter

from app.errors import Draining
from app.http.lifecycle import Lifecycle
from app.http.routes import open_to_all
from app.http.v2.errors import REFUSALS
from app.serving import description
from app.serving.description import Object


def router(lifecycle: Lifecycle) -> APIRouter:
    """Open to all: nothing here shows what a key protects."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"], responses=REFUSALS)

    @routes.get("", summary="The server", operation_id="getServerMetadata")
    @routes.get("/", include_in_schema=False)
    @open_to_all
    async def server() -> Object:
        return description.server()

    @routes.get("/health/live", summary="The process answers", operation_id="isServerLive")
    @open_to_all
    async def live() -> Object:
        return {"live": True}

    @routes.get("/health/ready", summary="Whether new requests are answered", operation_id="isServerReady")
    @open_to_all
    async def ready() -> Object:
        if lifecycle.draining:
            raise Draining("the service is shutting down; send new requests to another instance", retry_after=1)
        return {"ready": True}

    return routes
