"""Batches of strips that the line reader learns from."""

import numpy as np

from training.lines import batches
from training.lines.batches import WIDTHS, Batches
from training.lines.examples import Example
from training.lines.network import ALPHABET


def test_batches_are_of_few_shapes_and_show_every_example() -> None:
    some = [Example(np.full((32, 32 * (1 + place % 6)), 200, np.uint8), str(place)) for place in range(120)]
    made = Batches(some, batch_size=8, seed=0)
    shown, shapes = set(), set()
    for place in range(len(made)):
        strips, texts = made[place]
        shapes.add(strips.shape)
        assert strips.dtype == np.uint8
        assert (strips.max(axis=(1, 2)) >= 0.6 * 200 - 1).all()
        for text in texts:
            shown.add("".join(ALPHABET[one - 1] for one in text if one))
    assert {width for _, _, width in shapes} == {128, 256}
    assert len(shapes) == 2  # no smaller last ones
    assert len(shown) > 100
    assert made[0][0].shape != made[1][0].shape


def test_a_short_epoch_begins_with_two_shapes_too() -> None:
    """However rare the other is: TensorFlow would take the shape of the first two for that of all that follow."""
    narrow = [Example(np.full((32, 96), 200, np.uint8), "1")] * 400
    for seed in range(10):
        made = Batches([*narrow, Example(np.full((32, 600), 200, np.uint8), "2")], batch_size=2, seed=seed, steps=3)
        assert len(made) == 3
        assert made[0][0].shape != made[1][0].shape


def test_what_is_longer_than_batches_are_is_left_out() -> None:
    assert batches.filled_width(np.zeros((32, WIDTHS[-1] + 32), np.uint8)) == 0
    assert batches.filled_width(np.zeros((32, WIDTHS[0]), np.uint8)) == WIDTHS[0]


def test_an_epoch_has_so_many_steps_and_what_has_come_meanwhile_is_in_the_next() -> None:
    def some(first: int, count: int) -> list[Example]:
        return [Example(np.full((32, 96), 200, np.uint8), str(first + place)) for place in range(count)]

    coming = [some(1_000, 500), some(2_000, 500)]
    made = Batches(some(100, 24), batch_size=8, seed=0, steps=2, more=lambda: coming.pop() if coming else [])
    shown = []
    for examples in (24, 524, 1_024, 1_024):
        assert (len(made), made.examples) == (2, examples)
        strips, texts = made[1]
        assert strips.shape == (12, 32, 128)
        assert (strips[:, :, 96:] == 0).all()
        shown += ["".join(ALPHABET[one - 1] for one in text if one) for text in texts]
        made.on_epoch_end()
    assert {text[0] for text in shown if len(text) == 4} == {"1", "2"}
    assert set(shown[:12]) <= {str(text) for text in range(100, 124)}
