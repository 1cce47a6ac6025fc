"""GET /v1/limits: what a request may hold, so that a client can cut its work to fit."""

from fastapi import APIRouter

from app.config import Right, Settings
from app.http.openapi import REFUSALS
from app.http.routes import needs
from app.http.v1 import schemas


def router(settings: Settings) -> APIRouter:
    """The route. What it tells does not change while the service runs."""
    routes = APIRouter(prefix="/v1/limits", tags=["models"], responses=REFUSALS)
    told: schemas.Limits = {
        "body_bytes": settings.max_body_bytes,
        "image_pixels": settings.max_image_pixels,
        "batch_images": settings.max_batch_images,
        "batch_pixels": settings.max_batch_pixels,
        "unpacked_bytes": settings.max_unpacked_bytes,
        "deadline_seconds": settings.deadline_seconds,
        "images_per_second": settings.rate_images_per_second,
    }

    @routes.get("", summary="What a request may hold", operation_id="getLimits")
    @needs(Right.PREDICT)
    async def limits() -> schemas.Limits:
        return told

    return routes
