"""Composed pages, read as the service reads a picture with numbers: how many are read whole, by what they show."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from app.errors import Undecodable
from app.imaging.arrays import Pixels
from app.imaging.decode import decode
from app.imaging.numbers import Number, find_numbers
from app.imaging.preparation import Preparation
from app.imaging.strips import Strip, StripShape
from app.inference.bundle import Bundle
from app.inference.session import Session
from app.tasks.digits.beam import NumberWeights
from app.tasks.digits.classifier import NO_SCORES, Classifier, Scores, opened
from app.tasks.digits.manifest import DigitsManifest
from app.tasks.digits.readings import Ranking
from app.tasks.digits.work import rank
from app.tasks.lines.ctc import Columns
from app.tasks.lines.manifest import LinesManifest
from app.tasks.lines.trust import Reader
from training.lines import compose, pages
from training.lines.compose import Line
from training.lines.hands import Hands

GROUPS = {
    "plain": ("scan", "photo", "screen"),
    "lined": ("ruled", "squared"),
    "boxed": ("boxed", "form"),
    "cheque": ("cheque",),
}
"""Kinds of page, as the table has them."""
BEST = 5  # readings of a number, as the service ranks them


class Page(NamedTuple):
    """A picture, and what stands on it."""

    line: Line
    kind: str
    pixels: Pixels


class Seen(NamedTuple):
    """All that is found on a page, scored: what is read of it depends on nothing else but the weights."""

    line: str
    """Its kind,"""
    page: str
    """and the page's."""
    digits: str
    """That were written."""
    numbers: list[Number]
    scores: Scores
    """Of all their candidates, float32 [N, 11]."""
    columns: list[Columns | None]
    """Of each number, where a line reader has seen it."""

    def ranked(self, weights: NumberWeights, reader: Reader | None = None) -> list[Ranking | None]:
        """What each of its numbers says, by cutting alone or with a line reader."""
        return rank(b"", self.numbers, self.scores, weights, BEST, self.columns, reader)

    def read(self, weights: NumberWeights, reader: Reader | None = None) -> str:
        """All its numbers, from left to right, in one."""
        ranked = zip(self.numbers, self.ranked(weights, reader), strict=True)
        texts = [(number.candidates[0].box.left, ranking.texts[0]) for number, ranking in ranked if ranking]
        return "".join(text for _, text in sorted(texts))

    def is_whole(self, weights: NumberWeights, reader: Reader | None = None) -> bool:
        """Whether every digit is read, and nothing else."""
        return self.read(weights, reader) == self.digits


def composed(hands: Hands, count: int, seed: int) -> Iterator[Page]:
    """So many pages: each kind of line on each kind of page in turn."""
    random = np.random.default_rng(seed)
    every = itertools.cycle(itertools.product(pages.KINDS, compose.KINDS))
    for page_kind, line_kind in itertools.islice(every, count):
        line = compose.compose(hands.draw(random), random, kind=line_kind, clutter=0)
        yield Page(line, page_kind, pages.page(line, page_kind, random))


class Eyes(NamedTuple):
    """By what pages are seen: a digit model, and a line reader, if there is one."""

    classifier: Classifier
    preparation: Preparation
    lines: Session | None = None
    shape: StripShape | None = None
    """Of the line reader's strips."""

    def see(self, page: Page) -> Seen:
        """Nothing is found where the service would answer with an error."""
        try:
            numbers = find_numbers(decode(Image.fromarray(page.pixels)), self.preparation, shape=self.shape)
        except Undecodable:  # NoInk is one
            numbers = []
        frames = [candidate.frame for number in numbers for candidate in number.candidates]
        scores = self.classifier.scores(np.stack(frames)) if frames else NO_SCORES
        columns = [self._columns(number.strip) for number in numbers]
        return Seen(page.line.kind, page.kind, page.line.text, numbers, scores, columns)

    def see_all(self, hands: Hands, count: int, seed: int) -> list[Seen]:
        """So many pages by these hands."""
        pages = tqdm(composed(hands, count, seed), desc="reading pages", total=count, leave=False, disable=None)
        return [self.see(page) for page in pages]

    def _columns(self, strip: Strip | None) -> Columns | None:
        if self.lines is None or strip is None:
            return None
        columns: Columns = self.lines.run((strip.pixels[np.newaxis],))[0][0]
        return columns


def eyes(digits: Bundle[DigitsManifest], lines: Bundle[LinesManifest] | None = None) -> Eyes:
    """Those of bundles."""
    manifest, model = digits
    own = Eyes(opened(model, labels=manifest.labels), manifest.preparation)
    return own if lines is None else own._replace(lines=Session(lines.model), shape=lines.manifest.strip)


def share_whole(seen: Sequence[Seen], weights: NumberWeights, reader: Reader | None = None) -> float:
    """The part of these pages that is read whole by these weights; nan of none."""
    return sum(one.is_whole(weights, reader) for one in seen) / len(seen) if seen else math.nan


def table(seen: Sequence[Seen], weights: NumberWeights, reader: Reader | None = None) -> str:
    """The same by kind of line, in rows, and by group of pages, in columns."""
    columns = {**GROUPS, "all": pages.KINDS}
    lines = {**{kind: (kind,) for kind in compose.KINDS}, "all": compose.KINDS}
    rows = [(f"{len(seen):,} pages", *columns)]
    for name, kinds in lines.items():
        parts = [[one for one in seen if one.line in kinds and one.page in among] for among in columns.values()]
        rows.append((name, *(f"{share_whole(part, weights, reader):.1%}" for part in parts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(f"{row[0]:{widths[0]}}  {'  '.join(map(str.rjust, row[1:], widths[1:]))}" for row in rows)
