"""The OpenAPI operations of inference on named tensors. Source: Open Inference Protocol 2.0, its OpenAPI document."""

from app.config import Right
from app.http.openapi import HEADERS, Documented, Object, examples_of, named
from app.http.v2.errors import ERROR, REFUSALS
from app.http.v2.inference import INFER, INFER_VERSION, Inference
from app.http.v2.repository import INDEX, LOAD, UNLOAD, ModelRepository
from app.inference.datatypes import BY_NAME

TAG = "Open Inference Protocol"
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
        "data": {
            "type": "array",
            "items": {},
            "description": "Flat or nested; left out where the tensor comes as bytes.",
        },
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
        "inputs": {"type": "array", "items": named("Tensor")},
        "outputs": {"type": "array", "items": named("RequestedOutput")},
    },
}
ANSWER: Object = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": named("Tensor")},
    },
}
BINARY: Object = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, Object] = {
    200: {
        "description": "The outputs.",
        "content": {"application/json": {"schema": named("InferenceResponse")}, "application/octet-stream": BINARY},
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
        "content": {"application/json": {"schema": {"type": "array", "items": named("ModelIndexEntry")}}},
    },
    **REFUSALS,
}
DONE: dict[int | str, Object] = {200: {"description": "Done, in all workers."}, **REFUSALS}
INDEX_REQUEST: Object = {"type": "object", "properties": {"ready": {"type": "boolean", "default": False}}}
CHANGE: Object = {"type": "object", "properties": {"parameters": PARAMETERS}}


SCHEMAS: dict[str, Object] = {
    "Tensor": TENSOR,
    "RequestedOutput": WANTED,
    "InferenceRequest": REQUEST,
    "InferenceResponse": ANSWER,
    "ModelIndexRequest": INDEX_REQUEST,
    "ModelIndexEntry": ENTRY,
    "ModelChange": CHANGE,
    "InferenceError": ERROR,
}


def _operation(*names: str) -> Object:
    tensors = {"schema": named("InferenceRequest"), "examples": examples_of("inference")}
    return _of(names, {"application/json": tensors, "application/octet-stream": BINARY}, required=True)


def _of_repository(schema: str, *names: str) -> Object:
    content = {"schema": named(schema), "examples": examples_of("nothing")}
    return _of(names, {"application/json": content}, required=False)


def _of(names: tuple[str, ...], content: Object, *, required: bool) -> Object:
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    body = {"required": required, "content": content}
    return {"parameters": [*path, *HEADERS], "requestBody": body}


def documented(inference: Inference, repository: ModelRepository) -> list[Documented]:
    """What is answered in front of FastAPI."""
    infer, version = _operation("name"), _operation("name", "version")
    index, change = _of_repository("ModelIndexRequest"), _of_repository("ModelChange", "name")
    right = Right.REPOSITORY
    return [
        Documented(INFER, inference.infer, "Infer", ANSWERS, infer, "infer", TAG),
        Documented(INFER_VERSION, inference.infer, "Infer with a version", ANSWERS, version, "inferVersion", TAG),
        Documented(INDEX, repository.index, "Models on disk", INDEXED, index, "listRepository", TAG, right),
        Documented(LOAD, repository.load, "Load a model", DONE, change, "loadModel", TAG, right),
        Documented(UNLOAD, repository.unload, "Unload a model", DONE, change, "unloadModel", TAG, right),
    ]
