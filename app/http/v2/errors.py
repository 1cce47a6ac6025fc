"""Errors as the Open Inference Protocol says them: {"error": "..."}, with HTTP's statuses."""

from typing import Any

import orjson

from app.errors import ServiceError
from app.http.exchange import Answer
from app.http.openapi import named
from app.http.problems import headers_of, said_of, status_of

PREFIX = "/v2"
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "code": named("Code")},
}
CONTENT: dict[str, Any] = {"application/json": {"schema": named("InferenceError")}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused: the error says why, and what to do.", "content": CONTENT},
    "5XX": {"description": "Not able to answer.", "content": CONTENT},
}


def refusal(error: ServiceError) -> Answer:
    """The answer to a request."""
    content = orjson.dumps({"error": said_of(error), "code": error.code})
    return Answer(content, b"application/json", status_of(error), headers_of(error))
