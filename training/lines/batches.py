"""Strips to learn from, in batches of a few widths; more of them may come while the learning goes on."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Grey
from training.errors import BadOption
from training.lines.examples import Example
from training.lines.network import ALPHABET, SHAPE

WIDTHS = 128, 256, 640  # to which strips are filled up: each shape is compiled for itself; longer ones are left out
USUAL = 192  # the width of which a batch has as many as the recipe says
LONGEST_TEXT = 24
SHIFT = 2  # pixels up or down, at most, each time a strip is shown
PALEST = 0.6  # of its ink, at most as often

Texts = NDArray[np.int32]  # [N, LONGEST_TEXT], classes, ended by 0


def filled_width(strip: Grey) -> int:
    """To which of the widths a strip is filled up; 0 where it is longer."""
    return next((width for width in WIDTHS if width >= strip.shape[1]), 0)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Batches of strips that are about as wide, in an order that is drawn anew each epoch.

    An epoch is all of them, or `steps` of them at random. After each, the strips that `more` gives are learnt from too.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        batch_size: int,
        seed: int,
        *,
        steps: int | None = None,
        more: Callable[[], Sequence[Example]] = tuple,
    ) -> None:
        super().__init__()
        self._batch_size, self._steps, self._more = batch_size, steps, more
        self._random = np.random.default_rng(seed)
        self._by_width = {width: _Strips(width) for width in WIDTHS}
        self._add(examples)
        self._draw()

    @property
    def examples(self) -> int:
        """How many there are by now."""
        return sum(strips.count for strips in self._by_width.values())

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Grey, Texts]:
        """Strips uint8 [B, 32, W], and their texts."""
        width, places = self._batches[index]
        strips, texts = self._by_width[width].take(places)
        random = np.random.default_rng((index, int(places[0])))
        down = random.integers(-SHIFT, SHIFT + 1, len(places))
        rows = (np.arange(SHAPE.height) - down[:, None]) % SHAPE.height
        ink = random.integers(round(256 * PALEST), 257, (len(places), 1, 1), dtype=np.uint16)
        return (strips[np.arange(len(places))[:, None], rows] * ink >> 8).astype(np.uint8), texts

    def on_epoch_end(self) -> None:
        self._add(self._more())
        self._draw()

    def _add(self, examples: Sequence[Example]) -> None:
        for width, strips in self._by_width.items():
            strips.add([example for example in examples if filled_width(example.strip) == width])

    def _draw(self) -> None:
        """Raises BadOption where there are too few for any batch."""
        self._batches = self._in_any_order()
        if not self._batches:
            raise BadOption(f"{self.examples} lines fill no batch; give more --lines or a smaller --batch-size")
        if self._steps is not None:
            while len(self._batches) < self._steps:
                self._batches += self._in_any_order()
        # TensorFlow's backend takes for fixed what the first two share.
        first = self._batches[0][0]
        other = next((place for place, (width, _) in enumerate(self._batches) if width != first), 0)
        if other > 1:
            self._batches[1], self._batches[other] = self._batches[other], self._batches[1]
        self._batches = self._batches[: self._steps]

    def _in_any_order(self) -> list[tuple[int, NDArray[np.intp]]]:
        """Each example in one batch at most."""
        batches = [batch for width, strips in self._by_width.items() for batch in self._of(width, strips.count)]
        return [batches[place] for place in self._random.permutation(len(batches))]

    def _of(self, width: int, count: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Whole ones, for the same reason."""
        size = max(1, self._batch_size * USUAL // width)
        order = self._random.permutation(count)
        for start in range(0, count - size + 1, size):
            yield width, order[start : start + size]


class _Strips:
    """All of one width, and what is written in them."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._strips, self._texts = _room(0, width)

    def add(self, examples: Sequence[Example]) -> None:
        count = self.count + len(examples)
        if count > len(self._strips):
            strips, texts = _room(max(count, 2 * self.count), self._strips.shape[2])
            strips[: self.count], texts[: self.count] = self._strips[: self.count], self._texts[: self.count]
            self._strips, self._texts = strips, texts
        for place, example in enumerate(examples, self.count):
            self._strips[place, :, : example.strip.shape[1]] = example.strip
            self._texts[place, : len(example.raw)] = [1 + ALPHABET.index(one) for one in example.raw]
        self.count = count

    def take(self, places: NDArray[np.intp]) -> tuple[Grey, Texts]:
        return self._strips[places], self._texts[places]


def _room(count: int, width: int) -> tuple[Any, Any]:
    """For so many strips and their texts."""
    return np.zeros((count, SHAPE.height, width), np.uint8), np.zeros((count, LONGEST_TEXT), np.int32)
