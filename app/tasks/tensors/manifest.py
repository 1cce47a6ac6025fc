"""What the manifest of a foreign model says beside what all say. All of it can be found out; it is to be edited."""

from typing import Literal

from pydantic import Field

from app.inference.bundle import Manifest

TASK = "tensors"


class TensorsManifest(Manifest):
    task: Literal["tensors"] = "tensors"
    batched: bool | None = Field(
        None, description="Whether rows along the first axes may be run together; left out: found by trying."
    )
    labels: dict[str, list[str]] = Field(
        default_factory=dict, description="By output: what its columns stand for, for the classification extension."
    )
