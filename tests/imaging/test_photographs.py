"""What people send, drawn by rule: read right, judged right, and no slower than it may be."""

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import NoInk
from app.imaging.decode import decode, open_image
from app.imaging.normalise import Frame, normalise
from app.imaging.numbers import find_numbers, read
from app.inference import bundle
from app.inference.session import ENERGY, Session
from tests import photographs
from tests.conftest import DIGITS
from tests.photographs import KINDS, Written, of_strokes

MANY = 64_000_000


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(bundle.read(DIGITS).model)


def framed(data: bytes) -> Frame:
    return normalise(decode(open_image(data, max_pixels=MANY)))


def strokes_of(digit: int, random: np.random.Generator) -> NDArray[np.float32]:
    return of_strokes(digit, random.uniform(1.6, 4), random.uniform(-0.2, 0.3))


def share_read(session: Session, count: int, kinds: tuple[str, ...] = KINDS) -> float:
    frames, labels = [], []
    for index in range(count):
        random = np.random.default_rng(index)
        labels.append(index % 10)
        frames.append(
            framed(photographs.single(strokes_of(labels[-1], random), kinds[index // 10 % len(kinds)], random))
        )
    read_as = session.run(np.stack([frame.pixels for frame in frames]))[:, :ENERGY].argmax(axis=1)
    return float((read_as == labels).mean())


def test_the_projects_own_strokes_as_photographs(session: Session) -> None:
    share = share_read(session, 2_000)
    print(f"2,000 pictures of strokes: {share:.2%} right")
    assert share >= 0.98


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_picture_is_left_behind(session: Session, kind: str) -> None:
    assert share_read(session, 100, (kind,)) >= 0.93


def test_numbers_on_paper(session: Session) -> None:
    right, wrong = 0, []
    for index, (gap, kind) in zip(
        range(100), product((0.5, 0.3, 0.15, 0.05, -0.02), ("photo", "ruled", "scan", "canvas")), strict=False
    ):
        random = np.random.default_rng(index)
        text = "".join(map(str, random.integers(0, 10, random.integers(2, 13))))
        masks = [of_strokes(int(digit), 2.5, 0.0) for digit in text]
        found = find_numbers(decode(open_image(photographs.number(masks, kind, random, gap=gap), max_pixels=MANY)))
        texts = [
            best[0].text
            for number in found
            if (best := read(number, session.run(np.stack([one.frame for one in number.candidates]))))
        ]
        right += texts == [text]
        if texts != [text]:
            wrong.append((text, texts, kind, gap))
    print(f"numbers: {right} of {right + len(wrong)} right; wrong: {wrong}")
    assert right >= 0.9 * (right + len(wrong))
