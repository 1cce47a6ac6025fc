"""Real handwriting without a network: scikit-learn's 1,797 digits, brought to MNIST's frame."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from sklearn.datasets import load_digits

from app.tasks.digits.arrays import Frames
from training import non_digits
from training.data import Digits, Mnist
from training.non_digits import Source
from training.quiet import import_keras

import_keras()


@pytest.fixture(scope="session")
def small_mnist() -> Mnist:
    """1,200 digits to train on, 300 to validate, 297 to test: 8x8 of 0..16, upscaled to 28x28 of 0..255."""
    images, labels = load_digits(return_X_y=True)
    bright = (images.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    frames = np.pad(bright.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    digits = Digits(frames, labels.astype(np.int64))
    parts = np.split(np.random.default_rng(0).permutation(len(labels)), [1_200, 1_500])
    return Mnist(*(digits.take(part) for part in parts), sha256={})


@pytest.fixture(scope="session", autouse=True)
def drawn_once() -> Iterator[None]:
    """What is no digit is the same at each drawing from one source: all tests share it, as drawing takes seconds."""
    known: dict[object, Mapping[str, Frames]] = {}
    draw_each = non_digits.draw_each

    def drawn(count: int, digits: Digits, source: Source) -> Mapping[str, Frames]:
        key = count, digits.images.tobytes(), source
        if key not in known:
            known[key] = draw_each(count, digits, source)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(non_digits, "draw_each", drawn)
        yield
