"""What people send, drawn by rule: read right, judged right, and made smaller without harm."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import NoInk
from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.imaging.numbers import find_numbers
from app.imaging.shrink import WORKING
from app.imaging.verdicts import Verdict
from app.tasks.digits.beam import beam_search
from app.tasks.digits.classifier import ENERGY, opened
from app.tasks.digits.decisions import choose
from app.tasks.digits.manifest import read_bundle
from tests import photographs
from tests.conftest import DIGITS
from tests.photographs import KINDS, WEAK, Random, of_strokes
from tests.pictures import encoded
from training.constants import PREPARATION

MANY = 64_000_000
PLAIN = tuple(kind for kind in KINDS if kind not in {"tight", "tiny"})
PAPERS = ("photo", "ruled", "squared", "boxed", "pencil", "scan", "canvas", "alpha")
SPACING = (0.5, 0.3, 0.15, 0.05, 0.0)  # between digits, in parts of their height: from wide to touching

Draw = Callable[[NDArray[np.float32], str, Random], bytes]


class Seen(NamedTuple):
    verdict: Verdict
    digit: int | None
    confidence: float = 0.0


class Drawn(NamedTuple):
    digit: int
    kind: str
    data: bytes


class Reader:
    """What the service does with a picture, without HTTP."""

    def __init__(self) -> None:
        bundled = read_bundle(DIGITS)
        self._session = opened(bundled.model)
        self._manifest = bundled.manifest

    def digit(self, data: bytes) -> Seen:
        try:
            frame = normalise(decode(open_image(data, max_pixels=MANY), WORKING), self._manifest.preparation)
        except NoInk:
            return Seen("blank", None)
        frames = (frame, *frame.others)
        scores = self._session.scores(np.stack([one.pixels for one in frames]))
        frame, best = choose(frame, scores, self._manifest.preparation.margin)
        row = scores[best]
        digit = int(row[:ENERGY].argmax())
        verdict = frame.judgement.confirmed(float(row[ENERGY]), self._manifest.thresholds.energy)
        return Seen(verdict, digit, float(row[digit]))

    def numbers(self, data: bytes) -> list[str]:
        found = find_numbers(decode(open_image(data, max_pixels=MANY)), self._manifest.preparation)
        scores = [self._session.scores(np.stack([one.frame for one in number.candidates])) for number in found]
        readings = [beam_search(number, own, self._manifest.numbers) for number, own in zip(found, scores, strict=True)]
        return [best[0].text for best in readings if best]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def strokes_of(digit: int, random: Random) -> NDArray[np.float32]:
    return of_strokes(
        digit, float(random.choice([1.6, 2.2, 2.8, 3.4, 4.0])), float(random.choice([-0.2, 0.0, 0.2, 0.3]))
    )


def drawn(count: int, kinds: tuple[str, ...], draw: Draw = photographs.single) -> Iterator[Drawn]:
    """Digits and pictures of them, as many of each digit and of each kind."""
    for index in range(count):
        random = np.random.default_rng(index)
        digit, kind = index % 10, kinds[index // 10 % len(kinds)]
        yield Drawn(digit, kind, draw(strokes_of(digit, random), kind, random))


def judged(reader: Reader, pictures: Iterable[bytes], verdict: Verdict) -> float:
    """The share of pictures with that verdict."""
    verdicts = [reader.digit(picture).verdict for picture in pictures]
    print(f"{len(verdicts)} pictures: {verdicts.count(verdict) / len(verdicts):.1%} {verdict}")
    return verdicts.count(verdict) / len(verdicts)


def test_the_projects_own_strokes_as_photographs(reader: Reader) -> None:
    kinds, seen, hits = [], [], []
    for digit, kind, data in drawn(2_000, KINDS):
        kinds.append(kind)
        seen.append(reader.digit(data))
        hits.append(seen[-1].digit == digit)
    right, confidence = np.array(hits), np.array([one.confidence for one in seen])
    wrongly_judged = np.mean([one.verdict != "ok" for one in seen])
    by_kind = {kind: float(right[np.array(kinds) == kind].mean()) for kind in KINDS}
    bins = np.minimum((confidence * 15).astype(int), 14)
    error = sum(abs(right[bins == one].sum() - confidence[bins == one].sum()) for one in range(15)) / len(seen)
    print(f"{len(seen)} pictures: {right.mean():.2%} right, {wrongly_judged:.2%} judged wrongly, off by {error:.2%}")
    assert right.mean() >= 0.98
    assert min(by_kind.values()) >= 0.95, by_kind
    assert wrongly_judged <= 0.02
    assert error <= 0.02


def test_strokes_as_thick_as_shadows(reader: Reader) -> None:
    right = [
        reader.digit(photographs.with_a_marker(index % 10, np.random.default_rng(index))).digit == index % 10
        for index in range(200)
    ]
    print(f"{len(right)} with a marker: {np.mean(right):.1%} right")
    assert np.mean(right) >= 0.97


def test_a_sheet_on_a_desk(reader: Reader) -> None:
    seen = []
    for index in range(200):
        random = np.random.default_rng(index)
        seen.append(reader.digit(photographs.on_desk(strokes_of(index % 10, random), random)).digit == index % 10)
    print(f"{len(seen)} sheets on desks: {np.mean(seen):.1%} right")
    assert np.mean(seen) >= 0.94


def test_mnist_as_png_is_what_it_is_as_bytes(mnist_test: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
    for image in mnist_test[0]:
        assert np.array_equal(normalise(decode(open_image(encoded(image), max_pixels=MANY)), PREPARATION).pixels, image)


def test_blank_paper(reader: Reader) -> None:
    kinds = [kind for kind in PLAIN if kind not in {"boxed", "alpha"}]
    pictures = (photographs.blank(kinds[index % len(kinds)], np.random.default_rng(index)) for index in range(210))
    assert judged(reader, pictures, "blank") >= 0.95


def test_faint_ink(reader: Reader) -> None:
    assert judged(reader, (one.data for one in drawn(210, tuple(WEAK), photographs.faint)), "faint") >= 0.95


def test_what_is_cut_off(reader: Reader) -> None:
    assert judged(reader, (one.data for one in drawn(200, PLAIN, photographs.clipped)), "clipped") >= 0.95


def test_several_digits(reader: Reader) -> None:
    pictures = []
    for index in range(160):
        random = np.random.default_rng(index)
        masks = [strokes_of(int(digit), random) for digit in random.integers(0, 10, random.integers(2, 5))]
        pictures.append(photographs.number(masks, PAPERS[index % len(PAPERS)], random, gap=random.uniform(0.2, 0.6)))
    assert judged(reader, pictures, "several_digits") >= 0.95


@pytest.mark.parametrize("draw", [photographs.letter, photographs.scribble])
def test_what_is_no_digit(reader: Reader, draw: Callable[[Random], NDArray[np.float32]]) -> None:
    pictures = []
    for index in range(160):
        random = np.random.default_rng(index)
        pictures.append(photographs.single(draw(random), PLAIN[index % len(PLAIN)], random))
    assert judged(reader, pictures, "not_a_digit") >= 0.95


def test_numbers_on_paper(reader: Reader) -> None:
    wrong = []
    cases = [*product(SPACING, PAPERS)] * 3
    for index, (gap, kind) in enumerate(cases):
        gap = max(gap, 0.3) if kind == "boxed" else gap  # a cell each
        random = np.random.default_rng(index)
        text = "".join(map(str, random.integers(0, 10, random.integers(2, 13))))
        masks = [strokes_of(int(digit), random) for digit in text]
        if (texts := reader.numbers(photographs.number(masks, kind, random, gap=gap))) != [text]:
            wrong.append((text, texts, kind, gap))
    print(f"{len(cases)} numbers, {1 - len(wrong) / len(cases):.1%} right; wrong: {wrong}")
    assert len(wrong) <= 0.1 * len(cases)
