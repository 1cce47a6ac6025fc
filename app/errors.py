"""Everything that can go wrong, as one tree. A class carries its code; each protocol says it in its own way.

`detail` says what was expected, what came and what to do. The codes are part of the contract. A class's docstring is
its place in the reference: the cause, then the cure.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

START_FAILED = 3  # the exit status where the service could not start, uvicorn's too


class StartError(Exception):
    """The service must not start like this; the message says why and what to change."""


class BundleError(Exception):
    """A bundle on disk is not what its manifest says, so it must not become live."""


class CallerGone(Exception):
    """The caller hung up before its answer was ready: nobody is left to send one to."""


class ServiceError(Exception):
    """Nobody foresaw this. The log says why, by the request's id; report it."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        """`retry_after` is in seconds, given where trying again can help."""
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.spent: dict[str, float] = {}  # seconds by stage that it took to find out

    def bare(self) -> Self:
        """The same error without its traceback: kept with an answer, its frames would keep the image they held."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class BadRequest(ServiceError):
    """A body, a parameter or a head that cannot be understood. The detail says what was expected."""

    code, title = "malformed", "Malformed request"


class UnknownParameter(BadRequest):
    """Behind the `?` stands a name that this path does not take. Correct it: the detail tells the nearest, and all."""

    code, title = "unknown_parameter", "Unknown query parameter"


class Unauthorized(ServiceError):
    """No API key came, or an unknown one. Send `Authorization: Bearer KEY` or `X-API-Key: KEY`."""

    code, title = "key_required", "API key required"


class Forbidden(ServiceError):
    """The key is known, and may not do this. Use one whose `rights` name it."""

    code, title = "key_lacks_right", "API key lacks this right"


class ModelControlOff(Forbidden):
    """Not every caller may load models. Use a key with the right `repository`; or, without keys, `--model-control`."""

    code, title = "model_control_off", "Models are not changed by callers"


class CrossSite(ServiceError):
    """Another website sent this through its visitor's browser. Call from a program, or set API keys and send one."""

    code, title = "cross_site", "Sent by another website"


class NotFound(ServiceError):
    """There is nothing at this path. `/docs` lists what there is."""

    code, title = "not_found", "No such path"


class ModelNotFound(NotFound):
    """No such model or version is live. `GET /v1/models` lists what is."""

    code, title = "model_not_found", "No such model or version"


class MethodNotAllowed(ServiceError):
    """The path takes another method. The header `Allow` names it."""

    code, title = "method_not_allowed", "Method not allowed"

    def __init__(self, detail: str, *, allowed: str) -> None:
        """`allowed` names the methods that would do, for the Allow header."""
        super().__init__(detail)
        self.allowed = allowed


class TooSlow(ServiceError):
    """The body did not arrive within `DIGITSERVE_BODY_SECONDS`. Send less, or over a quicker line."""

    code, title = "body_too_slow", "Body too slow"


class HeadTooSlow(TooSlow):
    """The request's head did not arrive within `DIGITSERVE_HEAD_SECONDS`. Send it at once after connecting."""

    code, title = "head_too_slow", "Request's head too slow"


class TooLarge(ServiceError):
    """More bytes than `DIGITSERVE_MAX_BODY_BYTES`. Send less at a time."""

    code, title = "body_too_large", "Body too large"


class ImageTooLarge(TooLarge):
    """More pixels than `DIGITSERVE_MAX_IMAGE_PIXELS`. Send a smaller picture."""

    code, title = "image_too_large", "Image too large"


class BatchTooLarge(TooLarge):
    """More images or pixels than a batch may have. Send fewer at a time."""

    code, title = "batch_too_large", "Batch too large"


class WrongTask(BadRequest):
    """The model reads no digits. Ask it at `/v2`."""

    code, title = "wrong_task", "The model is for something else"


class NotShown(BadRequest):
    """The model's layers cannot be shown, as those of large ones are not. Ask without `include=layers`."""

    code, title = "not_shown", "The model's layers cannot be shown"


class UnsupportedMediaType(ServiceError):
    """A `Content-Type` that is not taken here. The detail lists those that are."""

    code, title = "unsupported_media_type", "Unsupported media type"


class Undecodable(ServiceError):
    """The bytes are not what `Content-Type` says. Check the file and the header."""

    code, title = "undecodable", "Not decodable as what it says it is"


class WrongShape(Undecodable):
    """The array or the pixels have another shape or type than was expected. The detail says which."""

    code, title = "wrong_shape", "Wrong shape"


class NotRunnable(Undecodable):
    """The model fails on these inputs, or would take more memory than `DIGITSERVE_MAX_RUN_BYTES`. Send fewer rows."""

    code, title = "not_runnable", "The model does not run on these inputs"


class NoInk(Undecodable):
    """Nothing stands out from the paper. Draw darker, or send another picture."""

    code, title = "no_ink", "No ink in the image"


class TooMuchWork(Undecodable):
    """Reading it would take longer than a body of its size may. Send it plainer, smaller, or fewer at a time."""

    code, title = "too_much_work", "More work than a body of this size may make"


class ModelRefused(ServiceError):
    """What is in the model's folder failed a check before it was live. The detail says which; what was live stays."""

    code, title = "model_refused", "The model cannot be served"

    def __init__(self, detail: str, reasons: Mapping[str, str]) -> None:
        """`reasons` are by version."""
        super().__init__(detail)
        self.reasons = reasons


class DefaultModelStays(ServiceError):
    """The default model answers requests that name none, and cannot be unloaded. Load another version in its place."""

    code, title = "default_model_stays", "The default model stays"


class ChangeInProgress(ServiceError):
    """One model is changed at a time. Try again after `Retry-After`."""

    code, title = "change_in_progress", "Another model is being loaded or unloaded"


class QueueFull(ServiceError):
    """More waits than can be answered in time. Try again after `Retry-After`, or add workers."""

    code, title = "queue_full", "Queue full"


class RateExceeded(ServiceError):
    """The caller sent more than `DIGITSERVE_RATE_IMAGES_PER_SECOND`. Try again after `Retry-After`."""

    code, title = "rate_exceeded", "Caller over its rate"


class TooManyWrongKeys(ServiceError):
    """Too many wrong API keys came from this address. Check the key, and try again after `Retry-After`."""

    code, title = "too_many_wrong_keys", "Too many wrong API keys"


class HeadTooLarge(ServiceError):
    """The request line and headers are too large. Send fewer or shorter ones."""

    code, title = "head_too_large", "Request's head too large"


class Unsupported(ServiceError):
    """A part of the protocol that is not served. The detail names it; do without."""

    code, title = "not_implemented", "Not implemented"


class Unavailable(ServiceError):
    """No answer can be given now: the default model does not answer. Try again after `Retry-After`; see the log."""

    code, title = "unavailable", "Not available now"


class Draining(Unavailable):
    """The service is shutting down. Try again: another instance will answer."""

    code, title = "draining", "Shutting down"


class TooManyConnections(Unavailable):
    """A worker holds `DIGITSERVE_MAX_CONNECTIONS` already. Reuse connections, or add workers."""

    code, title = "too_many_connections", "Too many connections"


class DeadlineExceeded(ServiceError):
    """No answer within `X-Deadline-Ms` or `DIGITSERVE_DEADLINE_SECONDS`. Allow more time, or send less."""

    code, title = "deadline_exceeded", "Deadline exceeded"
