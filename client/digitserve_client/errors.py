"""What can go wrong, as one tree that mirrors the service's statuses; and where httpx's exceptions end."""

from typing import ClassVar

import httpx


class DigitserveError(Exception):
    """Anything that kept the client from an answer.

    `status` is the HTTP status, None when no answer came; `code` the stable word to branch on; `detail` says
    what was expected, what came and what to do; `request_id` finds the request in the service's log.
    """

    status: int | None = None
    code: str = "client_error"
    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = "check base_url and api_key"

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`retry_after` is in seconds; what is not given keeps the class's own value."""
        super().__init__(detail)
        self.detail = detail
        self.status = self.status if status is None else status
        self.code = self.code if code is None else code
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        cause = self.code if self.status is None else f"{self.status} {self.code}"
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.detail} ({cause}{request})"


class ConnectionFailed(DigitserveError):
    """No connection, or one that broke before the answer was complete."""

    code = "connection_failed"
    advice = "is the service running at this address?"
    retryable = True


class Timeout(DigitserveError):
    """Connected, but no answer within the client's `timeout`. Not retried: the work may still be going on."""

    code = "timeout"
    advice = "allow a longer timeout"


class InvalidAnswer(DigitserveError):
    """The answer is not what the contract says; most often `base_url` is not a digitserve service."""

    code = "invalid_answer"
    advice = "check base_url and the service's version"


class ServiceError(DigitserveError):
    """The service answered with an error; statuses without a class of their own are this one."""


class BadRequest(ServiceError):
    """400: malformed body or parameter."""

    status = 400


class Unauthorized(ServiceError):
    """401: no API key, or an unknown one."""

    status = 401


class Forbidden(ServiceError):
    """403: the API key lacks this right."""

    status = 403


class NotFound(ServiceError):
    """404: no such model, version or path."""

    status = 404


class TooLarge(ServiceError):
    """413: the body, the image's pixels or the batch is over its limit."""

    status = 413


class UnsupportedMediaType(ServiceError):
    """415: the service does not read this kind of file."""

    status = 415


class Undecodable(ServiceError):
    """422: not decodable as what it says it is, of the wrong shape, or without ink."""

    status = 422


class TooBusy(ServiceError):
    """429: queue full, or the caller over its rate; `retry_after` in seconds."""

    status = 429
    retryable = True


class InternalError(ServiceError):
    """Any 5xx that has no class of its own."""

    status = 500


class Unavailable(ServiceError):
    """503: starting, draining, or no live model; `retry_after` in seconds."""

    status = 503
    retryable = True


class DeadlineExceeded(ServiceError):
    """504: the request's deadline passed, in the service or already in the client."""

    status = 504
    code = "deadline_exceeded"


BY_STATUS: dict[int, type[ServiceError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: Undecodable,
    429: TooBusy,
    503: Unavailable,
    504: DeadlineExceeded,
}

# Every class by name, the abstract ones too: a test fails when httpx grows one that is not here.
BY_HTTPX: dict[type[httpx.HTTPError], type[DigitserveError]] = {
    httpx.HTTPError: DigitserveError,
    httpx.RequestError: DigitserveError,
    httpx.TransportError: ConnectionFailed,
    httpx.TimeoutException: Timeout,
    httpx.ConnectTimeout: ConnectionFailed,  # nothing was sent yet, so another try is safe
    httpx.ReadTimeout: Timeout,
    httpx.WriteTimeout: Timeout,
    httpx.PoolTimeout: Timeout,
    httpx.NetworkError: ConnectionFailed,
    httpx.ConnectError: ConnectionFailed,
    httpx.ReadError: ConnectionFailed,
    httpx.WriteError: ConnectionFailed,
    httpx.CloseError: ConnectionFailed,
    httpx.ProxyError: ConnectionFailed,
    httpx.UnsupportedProtocol: DigitserveError,
    httpx.ProtocolError: ConnectionFailed,
    httpx.LocalProtocolError: DigitserveError,
    httpx.RemoteProtocolError: ConnectionFailed,  # "disconnected without sending a response" is one
    httpx.DecodingError: InvalidAnswer,
    httpx.TooManyRedirects: InvalidAnswer,
    httpx.HTTPStatusError: InvalidAnswer,
}


def translated(error: httpx.HTTPError) -> DigitserveError:
    """The client's own exception for one of httpx's, which becomes its cause."""
    kind = next(BY_HTTPX[base] for base in type(error).__mro__ if base in BY_HTTPX)
    ours = kind(f"{_asked(error)}{str(error) or type(error).__name__}; {kind.advice}")
    ours.__cause__ = error
    return ours


def _asked(error: httpx.HTTPError) -> str:
    try:
        return f"{error.request.method} {error.request.url}: "
    except RuntimeError:  # raised before there was a request
        return ""


def of_status(status: int) -> type[ServiceError]:
    """The class that stands for an HTTP status."""
    return BY_STATUS.get(status, InternalError if status >= 500 else ServiceError)
