"""What a line reader's manifest says beside what all say."""

from typing import Any, Literal

from pydantic import Field, field_validator

from app.imaging.strips import StripShape
from app.inference.bundle import Manifest, Record
from app.tasks.digits.manifest import Thresholds
from app.tasks.lines.trust import DIGITS, Reader, Trust

TASK = "lines"


class ReadWhole(Record):
    """Numbers by hands that nothing was trained on, read once."""

    numbers: int
    right: dict[str, float] = Field(description="Part of them whose digits are all right, by kind, and of all.")
    right_by_cutting: dict[str, float] = Field(description="The same without a line reader.")


class LinesManifest(Manifest):
    task: Literal["lines"] = "lines"
    alphabet: str = Field(description="What the columns' classes stand for, from the second on; the first is none.")
    strip: StripShape
    column: int = Field(ge=1, description="Pixels of a strip to each column of the output.")
    trust: Trust
    accept: float = Field(ge=0, le=1, description="A number that is read as surely is accepted; below it")
    review: float = Field(ge=0, le=1, description="a person should look; below this, it is rejected.")
    architecture: str
    parameters: int
    opset: int
    training: dict[str, Any] | None = None
    metrics: ReadWhole | None = None
    licence: str
    intended_use: str
    limits: str

    @field_validator("alphabet")
    @classmethod
    def _begins_with_the_digits(cls, alphabet: str) -> str:
        if not alphabet.startswith(DIGITS) or len({*alphabet}) != len(alphabet):
            raise ValueError(f"an alphabet begins with {DIGITS}, and has each character once; got {alphabet!r}")
        return alphabet

    @property
    def reader(self) -> Reader:
        return Reader(self.alphabet, self.column, self.trust)

    @property
    def thresholds(self) -> Thresholds:
        """Of a whole number's confidence."""
        return Thresholds(accept=self.accept, review=self.review)

    def summary(self) -> str:
        right = f"{self.metrics.right['all']:.1%} of numbers read whole" if self.metrics else "unmeasured"
        return f"{self.architecture}  {right}"
