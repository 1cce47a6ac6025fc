"""What FastAPI cannot see of the endpoints that read their bodies themselves: OpenAPI 3.1 by hand."""

import inspect
from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from pydantic import TypeAdapter

from app.config import Right
from app.http.routes import needs, open_to_all
from app.http.v1.schemas import Problem

Object = dict[str, Any]

PROBLEM: Object = {"application/problem+json": {"schema": TypeAdapter(Problem).json_schema()}}
ERRORS: dict[int | str, Object] = {
    status: {"description": description, "content": PROBLEM}
    for status, description in {
        400: "Malformed body, parameter or head.",
        401: "No API key that the service knows.",
        403: "The API key lacks this right; or, where none is set, another website sent this.",
        404: "No such model or version.",
        408: "The body did not arrive in time.",
        413: "Body, pixel count or batch over its limit.",
        415: "A media type that is not listed.",
        422: "Not decodable as what it says it is, the wrong shape, no ink, or too much work for a body so small.",
        429: "Queue full, or caller over its rate, or too many wrong API keys; see Retry-After.",
        431: "A head that is too large.",
        500: "The service failed; its log knows why, by the request's id.",
        501: "A Transfer-Encoding other than chunked.",
        503: "Shutting down, or not able to answer now; see Retry-After.",
        504: "The request's deadline passed.",
    }.items()
}
# A range of statuses, as FastAPI would else promise a 422 of its own for each parameter.
REFUSALS: dict[int | str, Object] = {
    "4XX": {"description": "Refused: the code says why, and the detail what to do.", "content": PROBLEM},
    500: ERRORS[500],
}
UNAVAILABLE: dict[int | str, Object] = {**REFUSALS, 503: ERRORS[503]}


class Documented(NamedTuple):
    """An endpoint that `Front` answers."""

    path: str
    handler: Callable[..., Any]
    """Its docstring is the endpoint's description."""
    summary: str
    answers: dict[int | str, Object]
    operation: Object
    right: Right = Right.PREDICT


def document(endpoints: Iterable[Documented]) -> APIRouter:
    """These endpoints' place in the OpenAPI document, and in FastAPI's routing for methods other than POST."""
    router = APIRouter(tags=["predict"])
    for path, handler, summary, answers, operation, right in endpoints:
        router.add_api_route(
            path,
            _answered_by_front(right),
            methods=["POST"],
            name=handler.__name__,
            summary=summary,
            description=inspect.getdoc(handler),
            responses=answers,
            openapi_extra=operation,
        )
    return router


def describe(framework: FastAPI) -> APIRouter:
    """GET /openapi.json: the document of all that the framework has been given by then, made when first asked for."""
    router = APIRouter(include_in_schema=False)

    @cache
    def document() -> bytes:
        return orjson.dumps(framework.openapi())

    @router.get("/openapi.json")
    @open_to_all
    async def openapi() -> Response:
        return Response(document(), media_type="application/json")

    return router


def _answered_by_front(right: Right) -> Callable[[], Coroutine[Any, Any, None]]:
    @needs(right)
    async def endpoint() -> None:
        raise AssertionError("Front answers this path before FastAPI sees it")

    return endpoint
