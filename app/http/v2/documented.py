"""The OpenAPI operations of inference on named tensors. Source: Open Inference Protocol 2.0, its OpenAPI document."""

from app.config import Right
from app.http.openapi import Documented, Object
from app.http.v2.errors import REFUSALS
from app.http.v2.inference import INFER, INFER_VERSION, Inference
from app.http.v2.repository import INDEX, LOAD, UNLOAD, ModelRepository
from app.inference.datatypes import BY_NAME

PARAMETERS: Object = {"type": "object", "additionalProperties": True}
SHAPE: Object = {"type": "array", "items": {"type": "integer", "minimum": 0}}
TENSOR: Object = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": SHAPE,
        "datatype": {"type": "string", "enum": [*BY_NAME]},
        "parameters": PARAMETERS,
        "data": {"type": "array", "description": "Flat or nested; left out where the tensor comes as bytes."},
    },
}
WANTED: Object = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "parameters": PARAMETERS},
}
REQUEST: Object = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": PARAMETERS,
        "inputs": {"type": "array", "items": TENSOR},
        "outputs": {"type": "array", "items": WANTED},
    },
}
ANSWER: Object = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": TENSOR},
    },
}
BINARY: Object = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, Object] = {
    200: {
        "description": "The outputs.",
        "content": {"application/json": {"schema": ANSWER}, "application/octet-stream": BINARY},
    },
    **REFUSALS,
}
ENTRY: Object = {
    "type": "object",
    "required": ["name", "version", "state", "reason"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "state": {"type": "string", "enum": ["READY", "UNAVAILABLE"]},
        "reason": {"type": "string", "description": "Why it is not ready."},
    },
}
INDEXED: dict[int | str, Object] = {
    200: {
        "description": "Every version on disk or live.",
        "content": {"application/json": {"schema": {"type": "array", "items": ENTRY}}},
    },
    **REFUSALS,
}
DONE: dict[int | str, Object] = {200: {"description": "Done, in all workers."}, **REFUSALS}
ASKED: Object = {"type": "object", "properties": {"ready": {"type": "boolean", "default": False}}}
CHANGED: Object = {"type": "object", "properties": {"parameters": PARAMETERS}}


def _operation(*names: str) -> Object:
    return _of(names, {"application/json": {"schema": REQUEST}, "application/octet-stream": BINARY}, required=True)


def _of_repository(schema: Object, *names: str) -> Object:
    return _of(names, {"application/json": {"schema": schema}}, required=False)


def _of(names: tuple[str, ...], content: Object, *, required: bool) -> Object:
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    body = {"required": required, "content": content}
    return {"parameters": path, "requestBody": body, "tags": ["Open Inference Protocol"]}


def documented(inference: Inference, repository: ModelRepository) -> list[Documented]:
    """What is answered in front of FastAPI."""
    change, right = _of_repository(CHANGED, "name"), Right.REPOSITORY
    return [
        Documented(INFER, inference.infer, "Infer", ANSWERS, _operation("name")),
        Documented(INFER_VERSION, inference.infer, "Infer with a version", ANSWERS, _operation("name", "version")),
        Documented(INDEX, repository.index, "Models on disk", INDEXED, _of_repository(ASKED), right),
        Documented(LOAD, repository.load, "Load a model", DONE, change, right),
        Documented(UNLOAD, repository.unload, "Unload a model", DONE, change, right),
    ]
