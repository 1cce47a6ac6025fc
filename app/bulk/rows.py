"""What is written of each image: one row, whatever it was and whether it could be read."""

from collections.abc import Iterator
from typing import NamedTuple

from app.errors import ServiceError
from app.imaging.boxes import Box
from app.tasks.digits.classifier import DIGITS, ENERGY
from app.tasks.digits.decisions import least_sure
from app.tasks.digits.results import Numbers, Predictions


class Row(NamedTuple):
    """One image. Of whole numbers the text is of all, the confidence and decision of the least sure one."""

    id: str
    text: str | None = None
    digits: list[int] | None = None
    confidence: float | None = None
    decision: str | None = None
    verdict: str | None = None
    """What is wrong with the picture of one digit; `ok` of what came as pixels, null of whole numbers."""
    boxes: list[list[float]] | None = None
    """[left, top, width, height] of each digit of whole numbers, in the picture's own pixels."""
    error: str | None = None
    model: str = ""


def rows_of(ids: list[str], found: Predictions, model: str) -> list[Row]:
    """Of single digits."""
    return list(_rows_of(ids, found, model))


def _rows_of(ids: list[str], found: Predictions, model: str) -> Iterator[Row]:
    probabilities = found.scores[:, :ENERGY]
    good = zip(probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist(), found.decisions, strict=True)
    errors, verdicts = found.batch.errors, found.verdicts
    for place, one in enumerate(ids):
        if place in errors:
            yield failed(one, errors[place], model)
        else:
            digit, confidence, decision = next(good)
            yield Row(one, DIGITS[digit], [digit], confidence, decision, verdicts.get(place, "ok"), None, None, model)


def row_of_numbers(one: str, found: Numbers, model: str) -> Row:
    """Of all whole numbers in a picture; what holds none is rejected."""
    numbers = found.numbers
    digits = [digit for number in numbers for digit in number.digits]
    return Row(
        one,
        found.text,
        [digit.digit for digit in digits],
        min((number.best.confidence for number in numbers), default=None),
        least_sure([number.decision for number in numbers]) if numbers else "reject",
        boxes=[_scaled(digit.box, found.scale) for digit in digits],
        model=model,
    )


def failed(one: str, error: ServiceError, model: str) -> Row:
    """Of an image that cannot be read."""
    return Row(one, error=f"{error.code}: {error.detail}", model=model)


def _scaled(box: Box, scale: float) -> list[float]:
    return [round(side * scale, 1) for side in (box.left, box.top, box.width, box.height)]
