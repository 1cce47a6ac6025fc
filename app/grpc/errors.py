"""Errors as gRPC says them: a code, a sentence and, where another try is of use, when. Source: gRPC's status codes."""

import math

from grpc import StatusCode

from app.errors import (
    BadRequest,
    DeadlineExceeded,
    Forbidden,
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
)

CODES: dict[type[ServiceError], StatusCode] = {  # an error that is not here has its parent's
    ServiceError: StatusCode.INTERNAL,
    BadRequest: StatusCode.INVALID_ARGUMENT,
    Unauthorized: StatusCode.UNAUTHENTICATED,
    Forbidden: StatusCode.PERMISSION_DENIED,
    NotFound: StatusCode.NOT_FOUND,
    TooSlow: StatusCode.DEADLINE_EXCEEDED,
    TooLarge: StatusCode.INVALID_ARGUMENT,
    Undecodable: StatusCode.INVALID_ARGUMENT,
    QueueFull: StatusCode.UNAVAILABLE,  # which clients try again, as they do not what exhausts a quota of their own
    RateExceeded: StatusCode.RESOURCE_EXHAUSTED,
    TooManyWrongKeys: StatusCode.RESOURCE_EXHAUSTED,
    Unsupported: StatusCode.UNIMPLEMENTED,
    Unavailable: StatusCode.UNAVAILABLE,
    DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
}
# Source: gRFC A6, client retries: milliseconds after which to try again.
PUSHBACK = "grpc-retry-pushback-ms"


def code_of(error: ServiceError) -> StatusCode:
    return next(CODES[one] for one in type(error).__mro__ if one in CODES)


def trailing_metadata_of(error: ServiceError) -> tuple[tuple[str, str], ...]:
    if error.retry_after is None:
        return ()
    return ((PUSHBACK, str(max(1, math.ceil(error.retry_after * 1000)))),)
