"""What FastAPI cannot see of the endpoints that read their bodies themselves: OpenAPI 3.1 by hand."""

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

from app.api import bodies, schemas
from app.api.answers import NDJSON, NPY
from app.api.doors import needs, open_to_all
from app.config import Right
from app.imaging.decode import FORMATS

Object = dict[str, Any]

ERRORS: dict[int | str, Object] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": schemas.Problem.model_json_schema()}},
    }
    for status, description in {
        400: "Malformed body or parameter.",
        401: "No API key that the service knows.",
        403: "The API key lacks this right.",
        404: "No such model or version.",
        408: "The body did not arrive in time.",
        413: "Body, pixel count or batch over its limit.",
        415: "A media type that is not listed.",
        422: "Not decodable as what it says it is, the wrong shape, or no ink at all.",
        429: "Queue full, or caller over its rate; see Retry-After.",
        503: "Shutting down, or not able to answer now; see Retry-After.",
        504: "The request's own deadline passed.",
    }.items()
}
REFUSALS: dict[int | str, Object] = {status: ERRORS[status] for status in (401, 403, 404, 503)}
BINARY: Object = {"type": "string", "format": "binary"}
BASE64: Object = {"type": "string", "format": "byte"}
PIXELS: Object = {
    "type": "array",
    "minItems": 28,
    "maxItems": 28,
    "items": {
        "type": "array",
        "minItems": 28,
        "maxItems": 28,
        "items": {"type": "number", "minimum": 0, "maximum": 255},
    },
}


def _parameter(name: str, where: str, kind: str, description: str) -> Object:
    return {
        "name": name,
        "in": where,
        "required": False,
        "description": description,
        "schema": {"type": kind},
    }


PARAMETERS = [
    _parameter("model", "query", "string", "A live model's name; left out: the default model."),
    _parameter("version", "query", "string", "A live version; left out: the newest."),
    _parameter(
        "include",
        "query",
        "string",
        "`seen` adds the 28x28 picture that the model saw; `heatmap`, for one image, what in it spoke for the digit.",
    ),
    _parameter("X-Deadline-Ms", "header", "number", "Milliseconds after which nobody waits for the answer."),
    _parameter("X-Request-ID", "header", "string", "The caller's own id; it comes back with the answer."),
]


def _object(**properties: Object) -> Object:
    return {
        "type": "object",
        "required": [*properties],
        "properties": properties,
        "additionalProperties": False,
    }


def _list_of(items: Object) -> Object:
    return {"type": "array", "items": items}


def _operation(body: dict[str, Object]) -> Object:
    content = {media_type: {"schema": schema} for media_type, schema in body.items()}
    return {"parameters": PARAMETERS, "requestBody": {"required": True, "content": content}}


SINGLE = _operation(
    {
        **dict.fromkeys([*FORMATS, bodies.RAW, bodies.NPY], BINARY),
        bodies.FORM: _object(file=BINARY),
        bodies.JSON: {"oneOf": [_object(image=BASE64), _object(pixels=PIXELS)]},
    }
)
BATCH = _operation(
    {
        **dict.fromkeys([bodies.RAW, bodies.NPY, bodies.ZIP], BINARY),
        bodies.FORM: _object(files=_list_of(BINARY)),
        bodies.JSON: {"oneOf": [_object(images=_list_of(BASE64)), _object(pixels=_list_of(PIXELS))]},
    }
)
SINGLE_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Prediction}, **ERRORS}
BATCH_ANSWERS: dict[int | str, Object] = {
    200: {
        "model": schemas.BatchPrediction,
        "content": {NDJSON: {"schema": {"type": "string"}}, NPY: {"schema": BINARY}},
    },
    **ERRORS,
}
EXPLAIN_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Explained}, **ERRORS}
READ = _operation(
    {**dict.fromkeys([*FORMATS], BINARY), bodies.FORM: _object(file=BINARY), bodies.JSON: _object(image=BASE64)}
)
READ_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Sheet}, **ERRORS}


class Documented(NamedTuple):
    """An endpoint that `Front` answers."""

    path: str
    handler: Callable[..., Any]
    """Its docstring is the endpoint's description."""
    summary: str
    answers: dict[int | str, Object]
    operation: Object


def document(endpoints: Iterable[Documented]) -> APIRouter:
    """These endpoints' place in the OpenAPI document, and in FastAPI's routing for methods other than POST."""
    router = APIRouter(tags=["predict"])
    for path, handler, summary, answers, operation in endpoints:
        router.add_api_route(
            path,
            _answered_by_front,
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


@needs(Right.PREDICT)
async def _answered_by_front() -> None:
    raise AssertionError("Front answers this path before FastAPI sees it")
