"""Everything that can go wrong, as one tree. A class carries its code; each protocol says it in its own way.

`detail` says what was expected, what came and what to do. The codes are part of the contract.
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
    """A request that cannot be answered as asked. Also the answer for what nobody foresaw."""

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
    code, title = "malformed", "Malformed request"


class Unauthorized(ServiceError):
    code, title = "key_required", "API key required"


class Forbidden(ServiceError):
    code, title = "key_lacks_right", "API key lacks this right"


class ModelControlOff(Forbidden):
    code, title = "model_control_off", "Models are not changed by callers"


class CrossSite(ServiceError):
    code, title = "cross_site", "Sent by another website"


class NotFound(ServiceError):
    code, title = "not_found", "No such path"


class ModelNotFound(NotFound):
    code, title = "model_not_found", "No such model or version"


class MethodNotAllowed(ServiceError):
    code, title = "method_not_allowed", "Method not allowed"

    def __init__(self, detail: str, *, allowed: str) -> None:
        """`allowed` names the methods that would do, for the Allow header."""
        super().__init__(detail)
        self.allowed = allowed


class TooSlow(ServiceError):
    code, title = "body_too_slow", "Body too slow"


class HeadTooSlow(TooSlow):
    code, title = "head_too_slow", "Request's head too slow"


class TooLarge(ServiceError):
    code, title = "body_too_large", "Body too large"


class ImageTooLarge(TooLarge):
    code, title = "image_too_large", "Image too large"


class BatchTooLarge(TooLarge):
    code, title = "batch_too_large", "Batch too large"


class WrongTask(BadRequest):
    code, title = "wrong_task", "The model is for something else"


class UnsupportedMediaType(ServiceError):
    code, title = "unsupported_media_type", "Unsupported media type"


class Undecodable(ServiceError):
    code, title = "undecodable", "Not decodable as what it says it is"


class WrongShape(Undecodable):
    code, title = "wrong_shape", "Wrong shape"


class NotRunnable(Undecodable):
    code, title = "not_runnable", "The model does not run on these inputs"


class NoInk(Undecodable):
    code, title = "no_ink", "No ink in the image"


class TooMuchWork(Undecodable):
    code, title = "too_much_work", "More work than a body of this size may make"


class ModelRefused(ServiceError):
    code, title = "model_refused", "The model cannot be served"

    def __init__(self, detail: str, reasons: Mapping[str, str]) -> None:
        """`reasons` are by version."""
        super().__init__(detail)
        self.reasons = reasons


class DefaultModelStays(ServiceError):
    code, title = "default_model_stays", "The default model stays"


class ChangeInProgress(ServiceError):
    code, title = "change_in_progress", "Another model is being loaded or unloaded"


class QueueFull(ServiceError):
    code, title = "queue_full", "Queue full"


class RateExceeded(ServiceError):
    code, title = "rate_exceeded", "Caller over its rate"


class TooManyWrongKeys(ServiceError):
    code, title = "too_many_wrong_keys", "Too many wrong API keys"


class HeadTooLarge(ServiceError):
    code, title = "head_too_large", "Request's head too large"


class Unsupported(ServiceError):
    code, title = "not_implemented", "Not implemented"


class Unavailable(ServiceError):
    code, title = "unavailable", "Not available now"


class Draining(Unavailable):
    code, title = "draining", "Shutting down"


class TooManyConnections(Unavailable):
    code, title = "too_many_connections", "Too many connections"


class DeadlineExceeded(ServiceError):
    code, title = "deadline_exceeded", "Deadline exceeded"
