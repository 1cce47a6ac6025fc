import hashlib
from pathlib import Path

import numpy as np
import pytest

from training import data, idx

LABELS = np.random.default_rng(1).choice(10, size=2_000, p=[0.19, *[0.09] * 9])
ARRAYS = {
    "train-images-idx3-ubyte": np.arange(2_000 * 784).astype(np.uint8).reshape(2_000, 28, 28),
    "train-labels-idx1-ubyte": LABELS.astype(np.uint8),
    "t10k-images-idx3-ubyte": np.ones((5, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([1, 2, 3, 4, 5], np.uint8),
}
DIGESTS = {name: hashlib.sha256(idx.encode(array)).hexdigest() for name, array in ARRAYS.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, array in ARRAYS.items():
        (tmp_path / name).write_bytes(idx.encode(array))
    return tmp_path


def test_the_split_is_disjoint_and_whole() -> None:
    fitted, validated = data.split(LABELS, 300)
    assert len(validated) == 300
    assert np.array_equal(np.sort(np.concatenate([fitted, validated])), np.arange(2_000))


@pytest.mark.parametrize("held_out", [10, 300, 1_999])
def test_the_split_holds_each_class_in_proportion(held_out: int) -> None:
    _, validated = data.split(LABELS, held_out)
    expected = np.bincount(LABELS) * held_out / len(LABELS)
    assert np.abs(np.bincount(LABELS[validated], minlength=10) - expected).max() <= 1


def test_the_split_is_its_seeds() -> None:
    assert np.array_equal(data.split(LABELS, 300, seed=4)[1], data.split(LABELS, 300, seed=4)[1])
    assert not np.array_equal(data.split(LABELS, 300, seed=4)[1], data.split(LABELS, 300, seed=5)[1])


def test_load_divides_the_training_set(folder: Path) -> None:
    mnist = data.load(folder, DIGESTS, held_out=100)
    assert mnist.split == {"train": 1_900, "validation": 100, "test": 5, "seed": data.SPLIT_SEED}
    assert mnist.train.images.shape == (1_900, 28, 28)
    assert (mnist.train.images.dtype, mnist.train.labels.dtype) == (np.uint8, np.int64)
    assert mnist.sha256 == DIGESTS
    assert mnist.test.labels.tolist() == [1, 2, 3, 4, 5]


def test_find_takes_the_option_before_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGITSERVE_DATA", "/from/the/variable")
    assert data.find(tmp_path) == tmp_path
    assert data.find() == Path("/from/the/variable")


def test_find_takes_a_filled_cache_without_a_network(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv("DIGITSERVE_DATA", raising=False)
    assert data.find(cache=folder) == folder
