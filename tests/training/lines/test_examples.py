"""What the line reader learns from."""

import numpy as np
import pytest

from training.lines import compose, examples, pages
from training.lines.examples import WIDTHS, Batches, Example
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


def test_batches_are_of_few_shapes_and_show_every_example() -> None:
    some = [Example(np.full((32, 32 * (1 + place % 6)), 200, np.uint8), str(place)) for place in range(120)]
    batches = Batches(some, batch_size=8, seed=0)
    shown, shapes = set(), set()
    for place in range(len(batches)):
        strips, texts = batches[place]
        shapes.add(strips.shape)
        assert strips.dtype == np.uint8
        assert (strips.max(axis=(1, 2)) >= 0.6 * 200 - 1).all()
        for text in texts:
            shown.add("".join(ALPHABET[one - 1] for one in text if one))
    assert {width for _, _, width in shapes} == {128, 256}
    assert len(shapes) == 2  # no smaller last ones
    assert len(shown) > 100
    assert batches[0][0].shape != batches[1][0].shape


def test_what_is_longer_than_batches_are_is_left_out() -> None:
    assert examples.filled_width(np.zeros((32, WIDTHS[-1] + 32), np.uint8)) == 0
    assert examples.filled_width(np.zeros((32, WIDTHS[0]), np.uint8)) == WIDTHS[0]
