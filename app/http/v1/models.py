"""GET /v1/models: what is live, and each version's manifest as a model card."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.config import Right
from app.http.openapi import REFUSALS
from app.http.routes import needs
from app.http.v1 import schemas
from app.inference.bundle import Manifest
from app.serving.repository import LiveModel, Repository
from app.tasks.digits.manifest import DigitsManifest


def router(repository: Repository, default_model: str) -> APIRouter:
    """The routes, over a repository whose models may change between requests."""
    routes = APIRouter(prefix="/v1/models", tags=["models"], responses=REFUSALS)

    @routes.get("", summary="What is live", operation_id="listModels")
    @needs(Right.PREDICT)
    async def models() -> schemas.ModelList:
        newest: set[str] = set()
        return {"models": [_live(model, default_model, newest) for model in repository.all()]}

    @routes.get("/{name}", summary="The newest live version's model card", operation_id="getModel")
    @needs(Right.PREDICT)
    async def newest_version(name: Annotated[str, Path()]) -> DigitsManifest | Manifest:
        return repository.get(name).manifest

    @routes.get("/{name}/versions/{version}", summary="A live version's model card", operation_id="getModelVersion")
    @needs(Right.PREDICT)
    async def one_version(name: Annotated[str, Path()], version: Annotated[str, Path()]) -> DigitsManifest | Manifest:
        return repository.get(name, version).manifest

    return routes


def _live(model: LiveModel, default_model: str, seen: set[str]) -> schemas.LiveVersion:
    manifest = model.manifest
    is_newest = manifest.name not in seen
    seen.add(manifest.name)
    of_digits = manifest if isinstance(manifest, DigitsManifest) else None
    return {
        "name": manifest.name,
        "version": manifest.version,
        "task": manifest.task,
        "default": is_newest and manifest.name == default_model,
        "provider": model.session.provider,
        "threads": model.session.intra_op_threads,
        "sha256": manifest.model_sha256,
        "architecture": of_digits.architecture if of_digits else None,
        "accuracy": of_digits.metrics.accuracy if of_digits and of_digits.metrics else None,
    }
