"""What the manifest of a foreign model says beside what all say. All of it can be found out; it is to be edited."""

from typing import Literal

from pydantic import Field

from app.inference.bundle import Manifest, Record

TASK = "tensors"


class SaidTensor(Record):
    """An input or output as the graph has it. Where that allows any size, -1, another may be written."""

    name: str
    datatype: str
    shape: list[int]


class TensorsManifest(Manifest):
    task: Literal["tensors"] = "tensors"
    batched: bool | None = Field(
        None, description="Whether rows along the first axes may be run together; left out: found by trying."
    )
    inputs: list[SaidTensor] | None = Field(None, description="In the graph's order; left out: as the graph has them.")
    outputs: list[SaidTensor] | None = Field(None, description="As `inputs`.")
    labels: dict[str, list[str]] = Field(
        default_factory=dict, description="By output: what its columns stand for, for the classification extension."
    )
