"""The request that every model understands, and its answer: named tensors. Source: Open Inference Protocol 2.0."""

from typing import Any, NamedTuple, TypedDict

from numpy.typing import NDArray

from app.inference.contract import Tensor

Array = NDArray[Any]


class Reference(TypedDict):
    """What every answer says of its model."""

    name: str
    version: str


class Wanted(NamedTuple):
    """An output that is asked for."""

    name: str
    classes: int = 0
    """How many of the highest columns are wanted, as "value:column:label", in place of all values; 0: all values."""


class InferenceRequest(NamedTuple):
    inputs: dict[str, Array]
    wanted: list[Wanted] | None = None
    """None: all of them."""


class Output(NamedTuple):
    tensor: Tensor
    values: Array


InferenceResult = list[Output]
