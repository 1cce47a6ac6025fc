"""The answers' shapes, for the OpenAPI document and whoever generates a client from it."""

from typing import Literal

from pydantic import BaseModel, Field


class ModelRef(BaseModel):
    name: str = Field(examples=["digits"])
    version: str = Field(examples=["1"])


class Input(BaseModel):
    """What was done to an image before the model saw it."""

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


class Problem(BaseModel):
    """RFC 9457, with the service's own code, and the request's id for its log."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str


class ItemProblem(BaseModel):
    title: str
    status: int
    code: str
    detail: str


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
