"""GET /v2/models/stats: Triton's statistics of models. Source: Triton's statistics extension."""

from fastapi import APIRouter

from app.config import Right
from app.http.routes import needs
from app.http.v2.errors import REFUSALS
from app.http.v2.models import Name, Version
from app.serving.description import Object
from app.serving.repository import Repository
from app.serving.statistics import statistics_of
from app.telemetry.metrics import Metrics


def router(repository: Repository, metrics: Metrics) -> APIRouter:
    """The routes of statistics. They come before those of models, whose names they would else be."""
    routes = APIRouter(prefix="/v2/models", tags=["Open Inference Protocol"], responses=REFUSALS)

    @routes.get("/stats", summary="Counters of all models", operation_id="getStatistics")
    @needs(Right.METRICS)
    async def all_models() -> Object:
        return await statistics_of(repository.all(), metrics)

    @routes.get("/{name}/stats", summary="Counters of a model", operation_id="getModelStatistics")
    @routes.get(
        "/{name}/versions/{version}/stats", summary="Counters of a version", operation_id="getVersionStatistics"
    )
    @needs(Right.METRICS)
    async def one_model(name: Name, version: Version = None) -> Object:
        return await statistics_of(repository.named(name, version), metrics)

    return routes
