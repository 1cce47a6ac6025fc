"""Two bundles side by side: on the same images, and timed in turns in one process."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from app.inference.bundle import Bundle
from app.tasks.digits.classifier import ENERGY, opened
from app.tasks.digits.manifest import DigitsManifest, Evaluation
from training.chart import table
from training.data import Digits
from training.evaluate import examine, predict, right_by_source
from training.latency import microseconds
from training.non_digits import Source

Pair = tuple[Bundle[DigitsManifest], Bundle[DigitsManifest]]


class Side(NamedTuple):
    bundle: Bundle[DigitsManifest]
    metrics: Evaluation
    right: NDArray[np.bool_]  # [N]
    hands: dict[str, float]
    """Accuracy on digits of other hands, by source."""
    microseconds: dict[int, float]
    """Of a run of so many images."""

    @property
    def name(self) -> str:
        return self.bundle.manifest.label


class Kind(NamedTuple):
    """How figures of one kind are written and compared."""

    form: str
    difference: Callable[[float, float], str]
    better: Callable[[float, float], float]


def _points(first: float, second: float) -> str:
    return f"{100 * (second - first):+.2f} points"


def _times(first: float, second: float) -> str:
    return f"{second / first:.2f} times"


SHARE, GAP = Kind("{:.2%}", _points, max), Kind("{:.2%}", _points, min)
AREA = Kind("{:.4f}", lambda first, second: f"{second - first:+.4f}", max)
COUNT, TIME = Kind("{:,}", _times, min), Kind("{:,.1f}", _times, min)


def compare(bundles: Pair, digits: Digits, source: Source, hands: Mapping[str, Digits]) -> str:
    """A table of all figures on the N `digits` and on non-digits of a source, and of the accuracy on digits of other
    `hands`; and a sentence on whether the difference in accuracy on the N may be chance.
    """
    first, second = _measure(bundles, digits, source, hands)
    rows = [(f"{len(digits.labels):,} images", first.name, second.name, "difference"), *_rows(first, second)]
    return "\n".join([table(rows), "", "*: the better of the two", _verdict(first, second)])


def mcnemar(only_first: int, only_second: int) -> float:
    """p of the exact two-sided test, from how many images each side alone reads right.

    Source: McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages", 1947.
    """
    disagreed = only_first + only_second
    return float(binomtest(only_first, disagreed).pvalue) if disagreed else 1.0


def _measure(bundles: Pair, digits: Digits, source: Source, hands: Mapping[str, Digits]) -> list[Side]:
    sessions = [opened(one.model, labels=one.manifest.labels) for one in bundles]
    timed = {images: microseconds(sessions, images) for images in (1, 64)}
    sides = []
    for index, (one, session) in enumerate(zip(bundles, sessions, strict=True)):
        metrics, answers = examine(session, one.manifest.thresholds, digits, source)
        right = answers[:, :ENERGY].argmax(axis=1) == digits.labels
        by_source = right_by_source(partial(predict, session), hands)
        sides.append(Side(one, metrics, right, by_source, {images: times[index] for images, times in timed.items()}))
    return sides


def _rows(first: Side, second: Side) -> Iterator[tuple[str, ...]]:
    for (name, kind, one), (_, _, other) in zip(_figures(first), _figures(second), strict=True):
        written = ["-" if figure is None else kind.form.format(figure) for figure in (one, other)]
        if one is None or other is None:
            yield name, *written, ""
            continue
        best = kind.better(one, other) if one != other else None
        marked = (f"* {text}" if figure == best else text for figure, text in zip((one, other), written, strict=True))
        yield name, *marked, kind.difference(one, other)


def _figures(side: Side) -> Iterator[tuple[str, Kind, float | None]]:
    """Name, kind and value of each; None is what a model does not give."""
    metrics = side.metrics
    yield "accuracy", SHARE, metrics.accuracy
    for name, accuracy in side.hands.items():
        yield f"accuracy, {name}", SHARE, accuracy
    for name, corrupted in (metrics.corruptions or {}).items():
        yield f"accuracy, {name}", SHARE, corrupted.accuracy
    yield "calibration error", GAP, metrics.expected_calibration_error
    if metrics.accepted:
        yield "accepted", SHARE, metrics.accepted.share
        yield "right of the accepted", SHARE, metrics.accepted.precision
    yield "non-digit AUROC", AREA, (metrics.non_digit_auroc or {}).get("all")
    yield "parameters", COUNT, side.bundle.manifest.parameters
    yield "bytes", COUNT, len(side.bundle.model)
    for images, taken in side.microseconds.items():
        yield f"microseconds, {images} image{'s' if images > 1 else ''}", TIME, taken


def _verdict(first: Side, second: Side) -> str:
    only_first, only_second = int((first.right & ~second.right).sum()), int((second.right & ~first.right).sum())
    return (
        f"{first.name} alone reads {only_first} of the images right, {second.name} alone {only_second}; were both "
        f"as good, so uneven a split would come with p = {mcnemar(only_first, only_second):.2g} (McNemar's exact test)"
    )
