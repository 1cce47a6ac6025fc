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
from app.api.exchange import MOST_DEADLINE_MS
from app.config import Right
from app.imaging.decode import FORMATS

Object = dict[str, Any]

PROBLEM: Object = {"application/problem+json": {"schema": schemas.Problem.model_json_schema()}}
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
    "description": "28 rows of 28 shades: 0 background, 255 ink. Fractions up to 1 are refused: multiply them by 255.",
}


def _parameter(name: str, where: str, schema: Object, description: str) -> Object:
    return {"name": name, "in": where, "required": False, "description": description, "schema": schema}


ADDITIONS = {
    "seen": "`seen`: the 28x28 picture that the model saw.",
    "heatmap": "`heatmap`: what in it spoke for the digit.",
}
PARAMETERS = [
    _parameter("model", "query", {"type": "string"}, "A live model's name; left out: the default model."),
    _parameter("version", "query", {"type": "string"}, "A live version; left out: the newest."),
    _parameter(
        "X-Deadline-Ms",
        "header",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MOST_DEADLINE_MS},
        "Milliseconds after which nobody waits for the answer.",
    ),
    _parameter("X-Request-ID", "header", {"type": "string"}, "The caller's own id; it comes back with the answer."),
]


def _including(*additions: str) -> list[Object]:
    """The parameters of an endpoint whose answer can hold these too."""
    schema = {"type": "array", "items": {"type": "string", "enum": [*additions]}}
    described = "Additions, as base64 PNG. " + " ".join(ADDITIONS[name] for name in additions)
    return [*PARAMETERS, _parameter("include", "query", schema, described) | {"style": "form", "explode": False}]


def _object(**properties: Object) -> Object:
    return {
        "type": "object",
        "required": [*properties],
        "properties": properties,
        "additionalProperties": False,
    }


def _list_of(items: Object) -> Object:
    return {"type": "array", "items": items}


def _operation(body: dict[str, Object], parameters: list[Object]) -> Object:
    content = {media_type: {"schema": schema} for media_type, schema in body.items()}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


ONE_IMAGE = {
    **dict.fromkeys([*FORMATS, bodies.RAW, bodies.NPY], BINARY),
    bodies.FORM: _object(file=BINARY),
    bodies.JSON: {"oneOf": [_object(image=BASE64), _object(pixels=PIXELS)]},
}
MANY_IMAGES = {
    **dict.fromkeys([bodies.RAW, bodies.NPY, bodies.ZIP], BINARY),
    bodies.FORM: _object(files=_list_of(BINARY)),
    bodies.JSON: {"oneOf": [_object(images=_list_of(BASE64)), _object(pixels=_list_of(PIXELS))]},
}
SINGLE = _operation(ONE_IMAGE, _including("seen", "heatmap"))
SINGLE_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Prediction}, **ERRORS}
BATCH = _operation(MANY_IMAGES, _including("seen"))
BATCH_ANSWERS: dict[int | str, Object] = {
    200: {
        "model": schemas.BatchPrediction,
        "content": {NDJSON: {"schema": {"type": "string"}}, NPY: {"schema": BINARY}},
    },
    **ERRORS,
}
EXPLAIN = _operation(ONE_IMAGE, PARAMETERS)
EXPLAIN_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Explained}, **ERRORS}
READ = _operation(ONE_IMAGE, PARAMETERS)
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
