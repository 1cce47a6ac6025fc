"""What the line reader learns from."""

import numpy as np
import pytest

from training.lines import compose, examples, pages
from training.lines.hands import Generated, Hands
from training.lines.network import ALPHABET, SHAPE

GENERATED = Hands([(1.0, [Generated()])])


def line(kind: str, seed: int) -> compose.Line:
    random = np.random.default_rng(seed)
    return compose.compose(GENERATED.draw(random), random, kind=kind, length=4, clutter=0)


@pytest.mark.parametrize("kind", compose.KINDS)
def test_a_line_becomes_a_strip_with_what_is_written(kind: str) -> None:
    written = line(kind, 1)
    example = examples.seen(written, np.random.default_rng(0))
    assert example is not None
    assert example.raw == written.raw
    assert set(example.raw) <= set(ALPHABET)
    assert example.strip.shape[0] == SHAPE.height
    assert example.strip.max() > 150


def test_a_line_on_a_page_is_cut_out_by_imaging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "KINDS", ("screen",))
    written = line("plain", 2)
    example = examples.seen_on_page(written, np.random.default_rng(0))
    assert example is not None
    assert example.raw == written.raw
    assert (example.strip > 150).any()


def test_the_same_seed_gives_the_same_examples() -> None:
    first, second = (examples.draw(GENERATED, 12, seed=5) for _ in range(2))
    assert len(first) > 8
    assert all(
        one.raw == other.raw and np.array_equal(one.strip, other.strip)
        for one, other in zip(first, second, strict=True)
    )


def test_lines_are_composed_beside_what_learns_from_them() -> None:
    expected = examples.draw(GENERATED, 600, seed=5)
    with examples.composing(GENERATED, 600, seed=5) as more:
        first = more(1)
        assert len(first) > 80  # what a process does in one go
        while len(first) < len(expected):
            first += more(1)
        assert more() == []
    assert {one.raw for one in first} == {one.raw for one in expected}
