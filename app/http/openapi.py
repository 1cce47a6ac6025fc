"""What FastAPI cannot see of the endpoints that read their bodies themselves: OpenAPI 3.1 by hand."""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from pydantic import TypeAdapter

from app.config import Right
from app.http.exchange import MOST_DEADLINE_MS
from app.http.problems import document_of, kinds, status_of_kind
from app.http.routes import needs, open_to_all
from app.http.v1.schemas import Problem

Object = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"


def named(schema: str) -> Object:
    """A reference to one of the document's schemas."""
    return {"$ref": REFERENCE.format(model=schema)}


def examples_of(*names: str) -> Object:
    """References to examples of the document's, for a media type."""
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def parameter(name: str, where: str, schema: Object, description: str) -> Object:
    """One that may be left out."""
    return {"name": name, "in": where, "required": False, "description": description, "schema": schema}


HEADERS = [
    parameter(
        "X-Deadline-Ms",
        "header",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MOST_DEADLINE_MS},
        "Milliseconds after which nobody waits for the answer.",
    ),
    parameter("X-Request-ID", "header", {"type": "string"}, "The caller's own id; it comes back with the answer."),
]


def _problem(status: int) -> Object:
    """What an answer of that status holds, with the first error that has it as an example."""
    kind = next(kind for kind in kinds() if status_of_kind(kind) == status)
    example = document_of(kind(inspect.getdoc(kind) or ""), {"request_id": "4bf92f3577b34da6-1"})
    return {"application/problem+json": {"schema": named("Problem"), "example": example}}


PROBLEM: Object = {"application/problem+json": {"schema": named("Problem")}}
ERRORS: dict[int | str, Object] = {
    status: {"description": description, "content": _problem(status)}
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
    id: str
    """By which generated clients call it: it never changes."""
    tag: str = "predict"
    right: Right = Right.PREDICT


def document(endpoints: Iterable[Documented]) -> APIRouter:
    """These endpoints' place in the OpenAPI document, and in FastAPI's routing for methods other than POST."""
    router = APIRouter()
    for path, handler, summary, answers, operation, identifier, tag, right in endpoints:
        router.add_api_route(
            path,
            _answered_by_front(right),
            methods=["POST"],
            tags=[tag],
            summary=summary,
            description=inspect.getdoc(handler),
            operation_id=identifier,
            responses=answers,
            openapi_extra=operation,
        )
    return router


def describe(
    framework: FastAPI,
    schemas: dict[str, Object],
    examples: Callable[[], dict[str, Object]],
    live: Callable[[], Mapping[str, Any]],
) -> APIRouter:
    """GET /openapi.json: the document of all that the framework has been given by then, made when first asked for.

    `schemas` and `examples`, by name, are what its operations refer to and FastAPI does not know. `live` gives the
    name and the version of a model, as examples of what a path may hold.
    """
    router = APIRouter(include_in_schema=False)

    @cache
    def document() -> bytes:
        made = framework.openapi()
        made["components"]["schemas"] |= {**_schemas_of(Problem), **schemas}
        made["components"]["examples"] = examples()
        model = live()
        for operation in (one for methods in made["paths"].values() for one in methods.values()):
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["example"] = model[parameter["name"]]
        return orjson.dumps(made)

    @router.get("/openapi.json")
    @open_to_all
    async def openapi() -> Response:
        return Response(document(), media_type="application/json")

    return router


def _schemas_of(kind: type) -> dict[str, Object]:
    """That of a type, and of all that it is made of, by name."""
    schema = TypeAdapter(kind).json_schema(ref_template=REFERENCE)
    return {**schema.pop("$defs", {}), kind.__name__: schema}


def _answered_by_front(right: Right) -> Callable[[], Coroutine[Any, Any, None]]:
    @needs(right)
    async def endpoint() -> None:
        raise AssertionError("Front answers this path before FastAPI sees it")

    return endpoint
