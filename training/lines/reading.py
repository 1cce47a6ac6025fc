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
from app.inference.bundle import Bundle
from app.tasks.digits.beam import NumberWeights
from app.tasks.digits.classifier import NO_SCORES, Classifier, Scores, opened
from app.tasks.digits.manifest import DigitsManifest
from app.tasks.digits.work import rank
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

    def read(self, weights: NumberWeights) -> str:
        """All its numbers, from left to right, in one."""
        ranked = zip(self.numbers, rank(b"", self.numbers, self.scores, weights, best=1), strict=True)
        texts = [(number.candidates[0].box.left, ranking.hypotheses[0].text) for number, ranking in ranked if ranking]
        return "".join(text for _, text in sorted(texts))

    def is_whole(self, weights: NumberWeights) -> bool:
        """Whether every digit is read, and nothing else."""
        return self.read(weights) == self.digits


def composed(hands: Hands, count: int, seed: int) -> Iterator[Page]:
    """So many pages: each kind of line on each kind of page in turn."""
    random = np.random.default_rng(seed)
    every = itertools.cycle(itertools.product(pages.KINDS, compose.KINDS))
    for page_kind, line_kind in itertools.islice(every, count):
        line = compose.compose(hands.draw(random), random, kind=line_kind, clutter=0)
        yield Page(line, page_kind, pages.page(line, page_kind, random))


def see(page: Page, classifier: Classifier, preparation: Preparation) -> Seen:
    """Nothing is found where the service would answer with an error."""
    try:
        numbers = find_numbers(decode(Image.fromarray(page.pixels)), preparation)
    except Undecodable:  # NoInk is one
        numbers = []
    frames = [candidate.frame for number in numbers for candidate in number.candidates]
    scores = classifier.scores(np.stack(frames)) if frames else NO_SCORES
    return Seen(page.line.kind, page.kind, page.line.text, numbers, scores)


def see_all(hands: Hands, count: int, seed: int, bundle: Bundle[DigitsManifest]) -> list[Seen]:
    """So many pages by these hands, as a bundle sees them."""
    manifest, model = bundle
    classifier = opened(model, labels=manifest.labels)
    pages = tqdm(composed(hands, count, seed), desc="reading pages", total=count, leave=False, disable=None)
    return [see(page, classifier, manifest.preparation) for page in pages]


def share_whole(seen: Sequence[Seen], weights: NumberWeights) -> float:
    """The part of these pages that is read whole by these weights; nan of none."""
    return sum(one.is_whole(weights) for one in seen) / len(seen) if seen else math.nan


def table(seen: Sequence[Seen], weights: NumberWeights) -> str:
    """The same by kind of line, in rows, and by group of pages, in columns."""
    columns = {**GROUPS, "all": pages.KINDS}
    lines = {**{kind: (kind,) for kind in compose.KINDS}, "all": compose.KINDS}
    rows = [(f"{len(seen):,} pages", *columns)]
    for name, kinds in lines.items():
        parts = [[one for one in seen if one.line in kinds and one.page in among] for among in columns.values()]
        rows.append((name, *(f"{share_whole(part, weights):.1%}" for part in parts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(f"{row[0]:{widths[0]}}  {'  '.join(map(str.rjust, row[1:], widths[1:]))}" for row in rows)
