"""GET /v2/models/{name}: what it takes and gives, as the Open Inference Protocol and Triton say it."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import WithJsonSchema

from app.config import Right, Settings
from app.http.routes import needs
from app.http.v2.errors import REFUSALS
from app.serving import description
from app.serving.description import Object
from app.serving.repository import Repository

Name = Annotated[str, Path()]
# One function answers paths with and without it, and FastAPI would document the first as if it could be null.
Version = Annotated[str | None, WithJsonSchema({"type": "string"})]


def router(repository: Repository, settings: Settings) -> APIRouter:
    """The routes of models, which may change between requests."""
    routes = APIRouter(prefix="/v2/models/{name}", tags=["Open Inference Protocol"], responses=REFUSALS)

    @routes.get("/ready", summary="The model answers", operation_id="isModelReady")
    @routes.get("/versions/{version}/ready", summary="The version answers", operation_id="isVersionReady")
    @needs(Right.PREDICT)
    async def ready(name: Name, version: Version = None) -> Object:
        return {"name": repository.get(name, version).names[0], "ready": True}

    @routes.get("", summary="What the model takes and gives", operation_id="getModelMetadata")
    @routes.get("/versions/{version}", summary="What the version takes and gives", operation_id="getVersionMetadata")
    @needs(Right.PREDICT)
    async def metadata(name: Name, version: Version = None) -> Object:
        return description.metadata(repository.get(name, version), repository)

    @routes.get("/config", summary="Triton's model configuration", operation_id="getModelConfig")
    @routes.get(
        "/versions/{version}/config",
        summary="Triton's configuration of a version",
        operation_id="getVersionConfig",
    )
    @needs(Right.PREDICT)
    async def config(name: Name, version: Version = None) -> Object:
        return description.configuration(repository.get(name, version), settings)

    return routes
