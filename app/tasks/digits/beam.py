"""Which of the ways in which a number may be cut reads best: a beam search through its candidates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.numbers import Number

MOST_SPELLED = 10_000  # digits times candidates, some milliseconds; twelve digits in sixty pieces are a third of it


@dataclass(frozen=True)
class NumberWeights:
    """What speaks against a reading, in logarithms of a probability."""

    skip: float
    """A piece that is passed over."""
    cut: float
    """A part cut in two,"""
    cut_ink: float
    """and the ink on the seam, in parts of the digits' height."""
    usual_energy: float
    """An energy above a digit's,"""
    energy_step: float
    """in steps of so much."""
    low: float
    """In parts of the digits' height: to be lower,"""
    too_low: float
    """and by how much that counts;"""
    wide: float
    """to be wider,"""
    too_wide: float
    """and by how much that counts."""


Scores = NDArray[np.float32]  # [N, 11]: ten probabilities and the energy


class Hypothesis(NamedTuple):
    """A way through a number's candidates, and what it says."""

    score: float
    """The logarithm of how likely this cut and these digits are, up to a constant."""
    digits: tuple[int, ...]
    chosen: tuple[int, ...]
    """Of the candidates, one for each digit."""

    @property
    def text(self) -> str:
        return "".join(map(str, self.digits))


class Cuts:
    """All the ways through a number's candidates, by their scores float32 [N, 11]."""

    def __init__(self, number: Number, scores: Scores, weights: NumberWeights) -> None:
        self._number, self._skip = number, weights.skip
        logarithms = np.log(np.maximum(scores[:, :10], 1e-9)) - _costs(number, _energies(scores), weights)[:, None]
        self._logarithms: list[list[float]] = logarithms.tolist()  # of which Python reads one ten times sooner
        self._digits: list[list[int]] = np.argsort(-logarithms, axis=1).tolist()
        self._costs = [weights.cut + weights.cut_ink * ink if ink >= 0 else 0.0 for ink in number.cuts]
        self._starting: list[list[int]] = [[] for _ in number.cuts]
        for index, candidate in enumerate(number.candidates):
            self._starting[candidate.first].append(index)

    def likely(self, best: int = 1) -> list[Hypothesis]:
        """The most likely ways, the best first; no two read the same. One may read nothing: all is dirt."""
        ways: list[list[Hypothesis]] = [[Hypothesis(0.0, (), ())]] + [[] for _ in self._number.cuts]
        tried = 2 if best > 1 else 1
        for place, cost in enumerate(self._costs):
            steps = [
                (index, digit, self._logarithms[index][digit] - cost, ways[self._number.candidates[index].end])
                for index in self._starting[place]
                for digit in self._digits[index][:tried]
            ]
            for score, digits, chosen in _unlike(ways[place])[:best]:
                ways[place + 1].append(Hypothesis(score + self._skip, digits, chosen))
                for index, digit, odds, after in steps:
                    after.append(Hypothesis(score + odds, (*digits, digit), (*chosen, index)))
        return _unlike(ways[-1])

    def spelling(self, digits: tuple[int, ...]) -> Hypothesis | None:
        """The most likely way that reads so, if there is one; none is looked for where that would take long."""
        if len(digits) * len(self._number.candidates) > MOST_SPELLED:
            return None
        rest = len(digits) + 1
        ways: list[dict[int, tuple[float, tuple[int, ...]]]] = [{} for _ in range(len(self._number.cuts) + 1)]
        ways[0][0] = 0.0, ()  # by the digits that are read
        for place, cost in enumerate(self._costs):
            steps = [
                (index, self._logarithms[index], ways[self._number.candidates[index].end])
                for index in self._starting[place]
            ]
            for read, (score, chosen) in ways[place].items():
                _keep(ways[place + 1], read, score + self._skip, chosen)
                if read + 1 == rest:
                    continue
                for index, odds, after in steps:
                    _keep(after, read + 1, score + odds[digits[read]] - cost, (*chosen, index))
        found = ways[-1].get(len(digits))
        return None if found is None else Hypothesis(found[0], digits, found[1])


def beam_search(number: Number, scores: Scores, weights: NumberWeights, best: int = 1) -> list[Hypothesis]:
    """The most likely ways through a number's candidates, the best first; no two read the same.

    There is none where all is more likely dirt, or a part of something else.
    """
    likely = Cuts(number, scores, weights).likely(best)
    return [way for way in likely if way.digits][:best] if likely[0].digits else []


def _keep(ways: dict[int, tuple[float, tuple[int, ...]]], read: int, score: float, chosen: tuple[int, ...]) -> None:
    """The better one."""
    if read not in ways or score > ways[read][0]:
        ways[read] = score, chosen


def _unlike(ways: list[Hypothesis]) -> list[Hypothesis]:
    """The best of those that read the same, the best first."""
    best: dict[tuple[int, ...], Hypothesis] = {}
    for way in sorted(ways, reverse=True):
        best.setdefault(way.digits, way)
    return [*best.values()]


def confidences(hypotheses: Sequence[Hypothesis], scores: Scores) -> list[float]:
    """How sure each hypothesis is: its share among them all, times its digits' confidences."""
    likely = np.exp([one.score - hypotheses[0].score for one in hypotheses])
    shares = (likely / likely.sum()).tolist()
    sure = _sure(scores)
    return [share * math.prod(_of_its_digits(one, sure)) for share, one in zip(shares, hypotheses, strict=True)]


def of_digits(hypothesis: Hypothesis, scores: Scores) -> list[float]:
    """How sure each digit of a hypothesis is: that it is this one, and that it is one at all."""
    return _of_its_digits(hypothesis, _sure(scores))


def _of_its_digits(hypothesis: Hypothesis, sure: Scores) -> list[float]:
    own: list[float] = sure[list(hypothesis.chosen), list(hypothesis.digits)].tolist()
    return own


def _sure(scores: Scores) -> Scores:
    """How sure each candidate is each digit, float32 [N, 10]; without an energy, it is sure to be one."""
    whole: Scores = scores[:, :10] * np.exp(-np.logaddexp(0, _energies(scores)))[:, None]
    return whole


def _energies(scores: Scores) -> NDArray[np.float32]:
    """Float32 [N], the lowest where a model gives none. Several times faster than nan_to_num."""
    energies: NDArray[np.float32] = np.where(np.isnan(scores[:, 10]), np.float32(-np.inf), scores[:, 10])
    return energies


def _costs(number: Number, energies: NDArray[np.float32], weights: NumberWeights) -> NDArray[np.float32]:
    """What speaks against each candidate's being one digit: its energy, and its being low or wide."""
    odd = np.logaddexp(0, (energies - weights.usual_energy) / weights.energy_step)
    sizes = np.array([(one.box.width, one.box.height) for one in number.candidates], np.float32) / number.height
    width, height = sizes.T
    costs: NDArray[np.float32] = (
        odd + weights.too_low * (weights.low - height).clip(0) + weights.too_wide * (width - weights.wide).clip(0)
    )
    return costs
