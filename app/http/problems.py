"""Errors as HTTP says them. Source: RFC 9457 (problem details), RFC 9110 (statuses, Retry-After)."""

import math

import orjson

from app.errors import (
    BadRequest,
    ChangeInProgress,
    CrossSite,
    DeadlineExceeded,
    DefaultModelStays,
    Forbidden,
    HeadTooLarge,
    MethodNotAllowed,
    ModelRefused,
    NoInk,
    NotFound,
    QueueFull,
    RateExceeded,
    ServiceError,
    TooLarge,
    TooManyWrongKeys,
    TooSlow,
    Unauthorized,
    Unavailable,
    Undecodable,
    Unsupported,
    UnsupportedMediaType,
)
from app.http.exchange import Answer
from app.http.v1.schemas import ItemProblem, Named, Problem

PROBLEM = b"application/problem+json"
CATALOGUE = "/problems"  # what a problem's type points to, in the service itself
STATUSES: dict[type[ServiceError], int] = {  # an error that is not here has its parent's
    ServiceError: 500,
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    CrossSite: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    TooSlow: 408,
    DefaultModelStays: 409,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Undecodable: 422,
    ModelRefused: 422,
    ChangeInProgress: 429,
    QueueFull: 429,
    RateExceeded: 429,
    TooManyWrongKeys: 429,
    HeadTooLarge: 431,
    Unsupported: 501,
    Unavailable: 503,
    DeadlineExceeded: 504,
}

HINTS: dict[type[ServiceError], str] = {
    DeadlineExceeded: " Allow more with X-Deadline-Ms, up to the service's own deadline."
}


def kinds() -> list[type[ServiceError]]:
    """All that callers may be told of."""
    found = [ServiceError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def status_of_kind(kind: type[ServiceError]) -> int:
    return next(STATUSES[one] for one in kind.__mro__ if one in STATUSES)


def status_of(error: ServiceError) -> int:
    return status_of_kind(type(error))


def said_of(error: ServiceError) -> str:
    """What was expected, what came and what to do."""
    return error.detail + HINTS.get(type(error), "")


def item_problem(error: ServiceError) -> ItemProblem:
    """Of one item of a batch."""
    said: ItemProblem = {
        "title": error.title,
        "status": status_of(error),
        "code": error.code,
        "detail": said_of(error),
    }
    if isinstance(error, NoInk):
        said["verdict"] = "blank"
    return said


def document_of(error: ServiceError, named: Named) -> Problem:
    """An error as the body of an answer."""
    return {"type": f"{CATALOGUE}#{error.code}", **item_problem(error), **named}


def problem(error: ServiceError, request_id: bytes, trace_id: bytes = b"") -> Answer:
    """The answer to a request."""
    named: Named = {"request_id": request_id.decode()}
    if trace_id:
        named["trace_id"] = trace_id.decode()
    said = document_of(error, named)
    return Answer(orjson.dumps(said), PROBLEM, said["status"], headers_of(error))


def headers_of(error: ServiceError) -> tuple[tuple[bytes, bytes], ...]:
    """Those that its status calls for."""
    headers: list[tuple[bytes, bytes]] = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode()))
    return tuple(headers)
