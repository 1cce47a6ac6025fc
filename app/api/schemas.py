"""The answers' shapes, for the OpenAPI document and whoever generates a client from it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.errors import ServiceError
from app.imaging.verdicts import Verdict


class ModelRef(BaseModel):
    name: str = Field(examples=["digits"])
    version: str = Field(examples=["1"])


class Input(BaseModel):
    """What was done to an image before the model saw it, and what was wrong with it."""

    verdict: Verdict
    advice: str = Field(description="What the sender can do about it; empty where nothing is wrong.")
    steps: list[str] = Field(examples=[["invert", "crop", "fit", "centre"]])


class Reading(BaseModel):
    digit: int = Field(ge=0, le=9)
    confidence: float = Field(description="Calibrated probability that the digit is right.")
    decision: Literal["accept", "review", "reject"]
    probabilities: list[float] = Field(min_length=10, max_length=10)
    energy: float | None = Field(description="Higher: less like a digit at all. null where the model gives none.")
    input: Input | None = Field(None, description="For images; pixels are taken as they come.")
    seen: str | None = Field(None, description="With ?include=seen: the 28x28 picture that the model saw, base64 PNG.")


class Prediction(Reading):
    model: ModelRef
    heatmap: str | None = Field(
        None, description="With ?include=heatmap: what spoke for the digit in red, against it in blue; base64 PNG."
    )


class RunnerUp(BaseModel):
    digit: int = Field(ge=0, le=9)
    confidence: float
    values: list[list[float]]
    heatmap: str


class Explanation(BaseModel):
    """28 x 28 numbers each: how much the digit's log-odds fall where a pixel is covered."""

    values: list[list[float]]
    runner_up: RunnerUp


class Explained(Prediction):
    explanation: Explanation


Box = Annotated[
    list[float], Field(min_length=4, max_length=4, description="x, y, width, height in the image's pixels.")
]


class FoundDigit(BaseModel):
    digit: int = Field(ge=0, le=9)
    confidence: float
    box: Box


class Alternative(BaseModel):
    text: str
    confidence: float


class FoundNumber(BaseModel):
    text: str = Field(examples=["2026"])
    confidence: float = Field(description="That the whole of it is right.")
    decision: Literal["accept", "review", "reject"]
    box: Box
    digits: list[FoundDigit]
    alternatives: list[Alternative] = Field(description="The next most likely readings, the best first.")


class Sheet(BaseModel):
    numbers: list[FoundNumber] = Field(description="From top to bottom, and from left to right.")
    model: ModelRef


def _codes(of: type[ServiceError]) -> list[str]:
    return sorted({of.code}.union(*map(_codes, of.__subclasses__())))


Code = Annotated[str, Field(json_schema_extra={"enum": list[Any](_codes(ServiceError))})]


class Problem(BaseModel):
    """RFC 9457, with the service's own code, and the request's id for its log."""

    type: str = "about:blank"
    title: str
    status: int
    code: Code
    detail: str
    request_id: str
    verdict: Verdict | None = Field(None, description="`blank`, where the code is no_ink.")


class ItemProblem(BaseModel):
    title: str
    status: int
    code: Code
    detail: str
    verdict: Verdict | None = Field(None, description="`blank`, where the code is no_ink.")


class ItemReading(Reading):
    name: str | None = Field(None, description="The file's, where it came with one.")


class ItemError(BaseModel):
    error: ItemProblem
    name: str | None = None


class BatchPrediction(BaseModel):
    predictions: list[ItemReading | ItemError]
    count: int
    failed: int
    model: ModelRef


class LiveVersion(BaseModel):
    name: str
    version: str
    default: bool = Field(description="Whether it answers without ?model= and ?version=.")
    provider: str = Field(description="ONNX Runtime's execution provider that is really active.")
    threads: int
    sha256: str
    architecture: str
    accuracy: float | None = Field(description="On the test set, from the manifest.")


class ModelList(BaseModel):
    models: list[LiveVersion]
