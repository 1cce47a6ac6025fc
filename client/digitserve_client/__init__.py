"""digitserve's client: send images of digits, get typed answers.

    from digitserve_client import Client

    with Client() as client:
        print(client.predict("seven.png").digit)

Every failure of a request is a DigitserveError.
"""

from digitserve_client.aio import AsyncClient
from digitserve_client.client import Client
from digitserve_client.errors import (
    BadRequest,
    ConnectionFailed,
    DeadlineExceeded,
    DigitserveError,
    Forbidden,
    InternalError,
    InvalidAnswer,
    NotFound,
    ServiceError,
    Timeout,
    TooBusy,
    TooLarge,
    Unauthorized,
    Unavailable,
    Undecodable,
    UnsupportedMediaType,
)
from digitserve_client.images import AnyImage, NotAnImage
from digitserve_client.progress import Progress
from digitserve_client.results import (
    Box,
    Decision,
    Evidence,
    Explanation,
    InputReport,
    ItemError,
    Limits,
    Model,
    ModelVersion,
    Number,
    NumberDigit,
    Prediction,
)

__all__ = [
    "AnyImage",
    "AsyncClient",
    "BadRequest",
    "Box",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Decision",
    "DigitserveError",
    "Evidence",
    "Explanation",
    "Forbidden",
    "InputReport",
    "InternalError",
    "InvalidAnswer",
    "ItemError",
    "Limits",
    "Model",
    "ModelVersion",
    "NotAnImage",
    "NotFound",
    "Number",
    "NumberDigit",
    "Prediction",
    "Progress",
    "ServiceError",
    "Timeout",
    "TooBusy",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Undecodable",
    "UnsupportedMediaType",
]
