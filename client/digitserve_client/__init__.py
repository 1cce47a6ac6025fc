"""digitserve's client: send images of digits, get typed answers.

    from digitserve_client import Client

    with Client() as client:
        print(client.predict("seven.png").digit)

Every failure of a request is a DigitserveError.
"""

from digitserve_client.client import AsyncClient, Client
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
from digitserve_client.images import AnyImage
from digitserve_client.results import (
    Box,
    Decision,
    Evidence,
    Explanation,
    InputReport,
    ItemError,
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
    "Model",
    "ModelVersion",
    "NotFound",
    "Number",
    "NumberDigit",
    "Prediction",
    "ServiceError",
    "Timeout",
    "TooBusy",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Undecodable",
    "UnsupportedMediaType",
]
