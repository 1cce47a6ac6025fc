"""Finds MNIST, loads it, and splits a validation set off its training set."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.tasks.digits.arrays import Frames
from training import download, idx

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of the uncompressed files."""
VARIABLE = "DIGITSERVE_DATA"
CACHE = Path("~/.cache/digitserve/mnist")

VALIDATION_IMAGES = 5_000
SPLIT_SEED = 0
"""Apart from the training seed, so that runs with different seeds are compared on the same validation images."""

Labels = NDArray[np.int64]  # [N]
Indices = NDArray[np.int64]


class Digits(NamedTuple):
    images: Frames  # uint8 [N, 28, 28], 0 background, 255 ink
    labels: Labels  # int64 [N], 0..9

    def take(self, indices: Indices) -> "Digits":
        return Digits(self.images[indices], self.labels[indices])


def joined(parts: Sequence[Digits]) -> Digits:
    """All of them, in that order."""
    return Digits(np.concatenate([one.images for one in parts]), np.concatenate([one.labels for one in parts]))


class Mnist(NamedTuple):
    train: Digits
    validation: Digits
    test: Digits
    """For one final reading per released bundle, and for choosing nothing."""
    sha256: Mapping[str, str]
    """Of each file that all this was read from, uncompressed."""

    @property
    def split(self) -> dict[str, int]:
        """Images in each part, and the seed that divided them."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(part.labels) for name, part in parts.items()} | {"seed": SPLIT_SEED}


def find(data: Path | None = None, *, cache: Path = CACHE) -> Path:
    """Where MNIST is: `data`, else $DIGITSERVE_DATA, else the user's cache, downloaded into it where need be."""
    if found := at_hand(data, cache=cache):
        return found
    cache = cache.expanduser()
    download.download(cache, SHA256)
    return cache


def at_hand(data: Path | None = None, *, cache: Path = CACHE) -> Path | None:
    """As `find`, but None where it would have to be downloaded."""
    if data is not None:
        return data
    if named := os.environ.get(VARIABLE):
        return Path(named)
    cache = cache.expanduser()
    whole = (cache / "mnist.npz").is_file() or all(
        (cache / name).is_file() or (cache / f"{name}.gz").is_file() for name in SHA256
    )
    return cache if whole else None


def load(source: Path, digests: Mapping[str, str] = SHA256, *, held_out: int = VALIDATION_IMAGES) -> Mnist:
    """MNIST from a folder or .npz; `held_out` images of the training set become the validation set.

    Raises DataError where a file is missing, damaged or of another digest.
    """
    train_images, train_labels, test_images, test_labels = (idx.read(source, name, digests[name]) for name in idx.FILES)
    known = Digits(train_images, train_labels.astype(np.int64))
    fitted, validated = split(known.labels, held_out)
    test = Digits(test_images, test_labels.astype(np.int64))
    return Mnist(known.take(fitted), known.take(validated), test, digests)


def split(labels: Labels, held_out: int, seed: int = SPLIT_SEED) -> tuple[Indices, Indices]:
    """Indices to train on and `held_out` indices to validate on, each class in proportion to within one image."""
    order = np.random.default_rng(seed).permutation(len(labels))
    quantile = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        quantile[members] = (np.arange(len(members)) + 0.5) / len(members)
    # The lowest quantiles of all classes together hold the same share of each.
    ranked = order[np.argsort(quantile[order], kind="stable")]
    return np.sort(ranked[held_out:]), np.sort(ranked[:held_out])
