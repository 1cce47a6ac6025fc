"""What a report says first: how much is read right, where it fails, and its worst mistakes in pictures."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from app.tasks.digits.classifier import ENERGY, Scores
from app.tasks.digits.manifest import Evaluation
from training.data import Digits
from training.plots import picture
from training.run import Own

MISTAKES, CONFUSIONS = 40, 5  # shown at most


class Mistake(NamedTuple):
    number: int
    true: int
    read: int
    confidence: float
    picture: str | None


class OwnMistake(NamedTuple):
    """One of a user's own images that was misread before or is misread after a fine-tuning."""

    true: int
    before: int
    after: int
    picture: str


def right(metrics: Evaluation) -> int:
    return int(np.trace(metrics.confusion_matrix))


def weakest(metrics: Evaluation) -> str:
    """The digit of which the smallest part is read right."""
    return min(metrics.per_class, key=lambda digit: metrics.per_class[digit].recall)


def hardest(metrics: Evaluation) -> str | None:
    """The corruption under which least is read right, where they were measured."""
    found = metrics.corruptions or {}
    return min(found, key=lambda name: found[name].accuracy, default=None)


def most_confused(metrics: Evaluation) -> list[tuple[int, int, int]]:
    """True digit, digit read and how often, the most frequent first."""
    matrix = np.array(metrics.confusion_matrix)
    pairs = [(true, read, int(matrix[true, read])) for true, read in np.ndindex(*matrix.shape) if true != read]
    return sorted((pair for pair in pairs if pair[2]), key=lambda pair: -pair[2])[:CONFUSIONS]


def mistakes(digits: Digits, answers: Scores, *, pictures: bool) -> Iterator[Mistake]:
    """The most confident first."""
    probabilities, (images, labels) = answers[:, :ENERGY], digits
    for index in _worst(probabilities, labels):
        shown = picture(images[index]) if pictures else None
        read = int(probabilities[index].argmax())
        yield Mistake(index, int(labels[index]), read, float(probabilities[index].max()), shown)


def own_mistakes(own: Own) -> Iterator[OwnMistake]:
    """Those that are still misread first, the most confident of them before the others; then those that were."""
    before, after = own.before[:, :ENERGY], own.after[:, :ENERGY]
    still = _worst(after, own.labels)
    for index in [*still, *(one for one in _worst(before, own.labels) if one not in still)][:MISTAKES]:
        read = int(before[index].argmax()), int(after[index].argmax())
        yield OwnMistake(int(own.labels[index]), *read, picture(own.images[index]))


def _worst(probabilities: Any, labels: Any) -> list[int]:
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    found: list[int] = wrong[order][:MISTAKES].tolist()
    return found
