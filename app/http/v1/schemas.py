"""The answers of /v1: the types that its answers are written with, and that its OpenAPI document is made from."""

from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict  # pydantic asks for these below Python 3.12

from app.errors import ServiceError
from app.imaging.verdicts import Verdict
from app.tasks.digits.classifier import DIGITS
from app.tasks.digits.decisions import Decision

_AS_IT_IS = GetPydanticSchema(lambda _, __: core_schema.any_schema())  # NumPy's types, which orjson writes itself


def _array(items: dict[str, Any], length: int | None = None) -> WithJsonSchema:
    bounds = {"minItems": length, "maxItems": length} if length else {}
    return WithJsonSchema({"type": "array", "items": items, **bounds})


NUMBER = {"type": "number"}
Real = Annotated[float | np.floating[Any], _AS_IT_IS, WithJsonSchema(NUMBER)]
Probabilities = Annotated[NDArray[np.float32], _AS_IT_IS, _array(NUMBER, len(DIGITS))]
Values = Annotated[
    NDArray[np.float32],
    _AS_IT_IS,
    _array({"type": "array", "items": NUMBER}),
    Field(description="For each pixel, how much the digit's log-odds fall where it is covered."),
]
Digit = Annotated[int, Field(ge=0, lt=len(DIGITS))]
Box = Annotated[tuple[float, float, float, float], Field(description="x, y, width, height in the image's pixels.")]


class ModelRef(TypedDict):
    name: Annotated[str, Field(examples=["digits"])]
    version: Annotated[str, Field(examples=["1"])]


class Input(TypedDict):
    """What was done to an image before the model saw it, and what was wrong with it."""

    verdict: Verdict
    advice: Annotated[str, Field(description="What the sender can do about it; empty where nothing is wrong.")]
    steps: Annotated[tuple[str, ...], Field(examples=[["invert", "crop", "fit", "centre"]])]


class Classification(TypedDict):
    digit: Digit
    confidence: Annotated[Real, Field(description="Calibrated probability that the digit is right.")]
    decision: Decision
    probabilities: Probabilities
    energy: Annotated[
        Real | None, Field(description="Higher: less like a digit at all. null where the model gives none.")
    ]
    input: NotRequired[Annotated[Input, Field(description="For images; pixels are taken as they come.")]]
    seen: NotRequired[
        Annotated[str, Field(description="With ?include=seen: the picture that the model saw, base64 PNG.")]
    ]


class Prediction(Classification):
    model: ModelRef
    heatmap: NotRequired[
        Annotated[
            str,
            Field(
                description="With ?include=heatmap: what spoke for the digit in red, against it in blue; base64 PNG."
            ),
        ]
    ]


class RunnerUp(TypedDict):
    digit: Digit
    confidence: Real
    values: Values
    heatmap: str


class Explanation(TypedDict):
    values: Values
    runner_up: RunnerUp


class StageSeen(TypedDict):
    """One stage of the way from a picture to the frame that the model sees."""

    name: Annotated[str, Field(examples=["telling ink from paper"])]
    picture: Annotated[
        str | None, Field(description="What it left, base64 PNG; null where it left the picture as it had been.")
    ]


class Layer(TypedDict):
    """What a layer of the model makes of the frame."""

    name: str
    operator: Annotated[str, Field(description="The first of ONNX's operators in it.", examples=["Conv"])]
    shape: Annotated[tuple[int, ...], Field(description="Of all its values.", examples=[[12, 14, 14]])]
    low: float
    high: Annotated[float, Field(description="Of all its values, as `low`.")]
    count: Annotated[int, Field(description="Of the maps that are shown, the first ones.")]
    height: int
    width: Annotated[int, Field(description="Of a map as it is shown; of a large one, not every pixel is.")]
    maps: Annotated[
        str, Field(description="A byte a pixel, row by row, map by map, 0 for `low` and 255 for `high`; base64.")
    ]


class Explained(Prediction):
    explanation: Explanation
    stages: NotRequired[Annotated[list[StageSeen], Field(description="With ?include=stages, of pictures.")]]
    layers: NotRequired[Annotated[list[Layer], Field(description="With ?include=layers, in the order of the model.")]]


class FoundDigit(TypedDict):
    digit: Digit
    confidence: float
    box: Box


class Alternative(TypedDict):
    text: str
    confidence: float


class FoundNumber(TypedDict):
    text: Annotated[str, Field(description="Its digits.", examples=["125000"])]
    raw: Annotated[str, Field(description="As it is written, as far as marks are seen.", examples=["$1,250.00"])]
    confidence: Annotated[float, Field(description="That the whole of it is right.")]
    decision: Decision
    box: Box
    line: Annotated[int, Field(description="On which of the picture's lines it stands, 0 being the first.")]
    digits: list[FoundDigit]
    alternatives: Annotated[list[Alternative], Field(description="The next most likely readings, the best first.")]


class FoundNumbers(TypedDict):
    text: Annotated[str, Field(description="Line by line, with a space between numbers.", examples=["12 34\n56"])]
    numbers: Annotated[list[FoundNumber], Field(description="From top to bottom, and from left to right.")]
    model: ModelRef
    pages: NotRequired[Annotated[int, Field(description="How many a PDF has; ?page= says which of them is read.")]]


def _codes(of: type[ServiceError]) -> list[str]:
    return sorted({of.code}.union(*map(_codes, of.__subclasses__())))


# Names of their own in the document. Codes will be added: a client that takes no others would break.
KnownCode = TypeAliasType(
    "KnownCode", Annotated[str, Field(json_schema_extra={"enum": list[Any](_codes(ServiceError))})]
)
Code = TypeAliasType(
    "Code", Annotated[KnownCode | str, Field(description="What went wrong, to branch on. There may be more.")]
)
OfNoInk = Annotated[Literal["blank"], Field(description="Where the code is no_ink.")]


class ItemProblem(TypedDict):
    title: str
    status: int
    code: Code
    detail: str
    verdict: NotRequired[OfNoInk]


class Named(TypedDict):
    """By what a request is found in logs and traces."""

    request_id: str
    trace_id: NotRequired[Annotated[str, Field(description="Of the W3C traceparent that came with the request.")]]


class Problem(ItemProblem, Named):
    """RFC 9457, with the service's own code, and the request's id for its log."""

    type: Annotated[
        str,
        Field(
            description="A page of the service that says what the code means.",
            examples=["/problems#undecodable"],
            json_schema_extra={"format": "uri-reference"},
        ),
    ]


class ItemPrediction(Classification):
    name: NotRequired[Annotated[str, Field(description="The file's, where it came with one.")]]


class ItemError(TypedDict):
    error: ItemProblem
    name: NotRequired[str]


class BatchPrediction(TypedDict):
    predictions: list[ItemPrediction | ItemError]
    count: int
    failed: int
    model: ModelRef


class LiveVersion(TypedDict):
    name: str
    version: str
    task: Annotated[str, Field(description="What it is for.")]
    default: Annotated[bool, Field(description="Whether it answers without ?model= and ?version=.")]
    provider: Annotated[str, Field(description="ONNX Runtime's execution provider that is really active.")]
    threads: int
    sha256: str
    architecture: Annotated[str | None, Field(description="From the manifest, where that says it.")]
    accuracy: Annotated[float | None, Field(description="On the test set, from the manifest, where that says it.")]


class ModelList(TypedDict):
    models: list[LiveVersion]


class Limits(TypedDict):
    """What one request may hold, and how long it may take."""

    body_bytes: Annotated[int, Field(description="Bytes in a request's body, and in each file of a batch.")]
    image_pixels: Annotated[int, Field(description="Pixels in one image.")]
    batch_images: Annotated[int, Field(description="Images in one batch.")]
    batch_pixels: Annotated[int, Field(description="Pixels of all images of one batch together.")]
    unpacked_bytes: Annotated[int, Field(description="Bytes that a ZIP archive unpacks to.")]
    deadline_seconds: Annotated[float, Field(description="From a request's head to its answer; beyond, 504.")]
    images_per_second: Annotated[
        float | None, Field(description="Images a second of one caller, in each worker; beyond, 429. null: any number.")
    ]
