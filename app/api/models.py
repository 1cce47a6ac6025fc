"""GET /v1/models: what is live, and each version's manifest as a model card."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api import schemas
from app.api.doors import needs
from app.api.openapi import REFUSALS
from app.config import Right
from app.inference.bundle import Manifest
from app.inference.repository import LiveModel, Repository


def router(repository: Repository, default_model: str) -> APIRouter:
    """The routes, over a repository whose models may change between requests."""
    routes = APIRouter(prefix="/v1/models", tags=["models"], responses=REFUSALS)

    @routes.get("", summary="What is live")
    @needs(Right.PREDICT)
    async def models() -> schemas.ModelList:
        newest: set[str] = set()
        return schemas.ModelList(models=[_live(model, default_model, newest) for model in repository.all()])

    @routes.get("/{name}", summary="The newest live version's model card")
    @needs(Right.PREDICT)
    async def newest_version(name: Annotated[str, Path()]) -> Manifest:
        return repository.get(name).manifest

    @routes.get("/{name}/versions/{version}", summary="A live version's model card")
    @needs(Right.PREDICT)
    async def one_version(name: Annotated[str, Path()], version: Annotated[str, Path()]) -> Manifest:
        return repository.get(name, version).manifest

    return routes


def _live(model: LiveModel, default_model: str, seen: set[str]) -> schemas.LiveVersion:
    manifest = model.manifest
    is_newest = manifest.name not in seen
    seen.add(manifest.name)
    return schemas.LiveVersion(
        name=manifest.name,
        version=manifest.version,
        default=is_newest and manifest.name == default_model,
        provider=model.session.provider,
        threads=model.session.threads,
        sha256=manifest.model_sha256,
        architecture=manifest.architecture,
        accuracy=manifest.metrics.accuracy if manifest.metrics else None,
    )
