"""Errors as the Open Inference Protocol says them: {"error": "..."}, with HTTP's statuses."""

import orjson

from app.errors import ServiceError
from app.http.exchange import Answer
from app.http.problems import headers_of, said_of, status_of

PREFIX = "/v2"


def refusal(error: ServiceError) -> Answer:
    """The answer to a request."""
    content = orjson.dumps({"error": said_of(error), "code": error.code})
    return Answer(content, b"application/json", status_of(error), headers_of(error))
