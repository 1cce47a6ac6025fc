"""What a number may say: by the ways of cutting it alone, or by these and a line reader's columns together."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.boxes import Box, box_around
from app.imaging.numbers import Number
from app.tasks.digits import beam
from app.tasks.digits.beam import Cuts, Hypothesis, NumberWeights, Scores
from app.tasks.lines import ctc
from app.tasks.lines.ctc import Columns
from app.tasks.lines.trust import DIGITS, Reader, Trust

SEEN = 0.5  # how likely a mark between digits is to be written down
FIRST_MARK = 1 + len(DIGITS)  # of the classes


class ReadDigit(NamedTuple):
    """One of a number's, how sure it is, and where it stands; its energy where it was cut out."""

    digit: int
    confidence: float
    box: Box
    energy: float = -np.inf


class Ranking(NamedTuple):
    """What one number may say, the most likely first, and how sure each is; of the first also its digits, and how it is
    written, with what stands between them.
    """

    texts: list[str]
    confidences: list[float]
    digits: list[ReadDigit]
    raw: str


def by_cutting(number: Number, scores: Scores, weights: NumberWeights, best: int) -> Ranking | None:
    """None where all is more likely dirt, or a part of something else."""
    ways = beam.beam_search(number, scores, weights, best)
    if not ways:
        return None
    digits = _cut_out(number, ways[0], beam.of_digits(ways[0], scores), scores)
    return Ranking([way.text for way in ways], beam.confidences(ways, scores), digits, ways[0].text)


class Likely(NamedTuple):
    """All that either way of reading a number takes for likely, each scored by both."""

    texts: list[tuple[int, ...]]
    """One may be empty: nothing is written there but dirt."""
    ways: list[Hypothesis | None]
    """Of cutting the number so; None where there is none."""
    by_line: list[float]
    """Logarithms, of the line reader's columns."""

    def scores(self, trust: Trust) -> NDArray[np.float64]:
        """Of each text, logarithms up to a constant."""
        best = max(way.score for way in self.ways if way)
        by_cut = [way.score - best if way else trust.uncut for way in self.ways]
        scores: NDArray[np.float64] = trust.cut * np.maximum(by_cut, trust.uncut) + trust.line * np.array(self.by_line)
        return scores


def with_line(
    number: Number, scores: Scores, weights: NumberWeights, best: int, columns: Columns, reader: Reader
) -> Ranking | None:
    """The same by a line reader's columns, [columns, classes], as well."""
    columns, places = ctc.condensed(columns)
    likely = likely_texts(number, scores, weights, best, columns)
    texts, ways = likely.texts, likely.ways
    scored = likely.scores(reader.trust)
    order = np.argsort(-scored, kind="stable").tolist()
    if not (text := texts[order[0]]):
        return None
    sure = confidences(scored, reader.trust)
    spans = ctc.spans(_without_marks(columns), _classes(text))
    shown = [place for place in order if texts[place]][:best]
    return Ranking(
        ["".join(map(str, texts[place])) for place in shown],
        sure[shown].tolist(),
        _read_digits(number, ways[order[0]], text, columns, spans, places * reader.column, float(sure[order[0]])),
        _raw(columns, text, spans, reader.alphabet),
    )


def likely_texts(number: Number, scores: Scores, weights: NumberWeights, best: int, columns: Columns) -> Likely:
    """The `best` of either way of reading it, and perhaps the empty one."""
    cuts, digits_only = Cuts(number, scores, weights), _without_marks(ctc.condensed(columns)[0])
    ways: dict[tuple[int, ...], Hypothesis | None] = {way.digits: way for way in cuts.likely(best)[: best + 1]}
    for text in map(_digits, ctc.likely_texts(digits_only, best)):
        if text not in ways:
            ways[text] = cuts.spelling(text)
    texts = [*ways]
    return Likely(texts, [*ways.values()], ctc.log_likelihoods(digits_only, [_classes(text) for text in texts]))


def confidences(scores: NDArray[np.float64], trust: Trust) -> NDArray[np.float64]:
    """How sure each of a number's texts is, by their scores: its share among them all and all others."""
    highest = max(scores.max(), trust.other)
    likely = np.exp(scores - highest)
    sure: NDArray[np.float64] = likely / (likely.sum() + np.exp(trust.other - highest))
    return sure


def _read_digits(
    number: Number,
    way: Hypothesis | None,
    text: tuple[int, ...],
    columns: Columns,
    spans: Sequence[tuple[int, int]],
    pixels: NDArray[np.intp],
    sure: float,
) -> list[ReadDigit]:
    """Each is at least as sure as the whole. `pixels` is where in the strip each of the columns is."""
    peaks = [float(columns[start:end, digit + 1].max()) for (start, end), digit in zip(spans, text, strict=True)]
    middles = [float(pixels[start:end].mean()) for start, end in spans]
    boxes = [number.candidates[one].box for one in way.chosen] if way else _boxes(number, middles)
    return [ReadDigit(digit, max(peak, sure), box) for digit, peak, box in zip(text, peaks, boxes, strict=True)]


def _boxes(number: Number, middles: Sequence[float]) -> list[Box]:
    """As high as the number, and as wide as to halfway between neighbours; `middles` are in the strip's pixels."""
    whole, strip = box_around([one.box for one in number.candidates]), number.strip
    assert strip is not None  # where there are columns, they are of one
    at = [strip.left + middle / strip.scale for middle in middles]
    between = [round((left + right) / 2) for left, right in pairwise(at)]
    edges = [min(whole.left, round(at[0])), *between, max(whole.right, round(at[-1]))]
    return [Box(left, whole.top, max(right, left + 1), whole.bottom) for left, right in pairwise(edges)]


def _raw(columns: Columns, text: tuple[int, ...], spans: Sequence[tuple[int, int]], alphabet: str) -> str:
    """The digits with the marks that are seen before, between and after them."""
    written = [_marks(columns[: spans[0][0]], alphabet)]
    for digit, (_, end), (start, _) in zip(text, spans, [*spans[1:], (len(columns), 0)], strict=True):
        written += [str(digit), _marks(columns[end:start], alphabet)]
    return "".join(written)


def _marks(columns: Columns, alphabet: str) -> str:
    """Each once where it is seen in several columns in a row."""
    seen = np.where(columns.max(axis=1, initial=0) > SEEN, columns.argmax(axis=1), 0) if len(columns) else columns
    before, found = 0, ""
    for one in seen.tolist():
        if one >= FIRST_MARK and one != before:
            found += alphabet[one - 1]
        before = one
    return found


def _without_marks(columns: Columns) -> Columns:
    """Marks are no characters: [columns, 1 + digits]."""
    digits = columns[:, :FIRST_MARK].copy()
    digits[:, ctc.NONE] += columns[:, FIRST_MARK:].sum(axis=1)
    return digits


def _classes(digits: tuple[int, ...]) -> ctc.Text:
    return tuple(digit + 1 for digit in digits)


def _digits(text: ctc.Text) -> tuple[int, ...]:
    return tuple(one - 1 for one in text)


def _cut_out(number: Number, way: Hypothesis, sure: Sequence[float], scores: Scores) -> list[ReadDigit]:
    return [
        ReadDigit(digit, own, number.candidates[index].box, float(scores[index, -1]))
        for digit, own, index in zip(way.digits, sure, way.chosen, strict=True)
    ]
