import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training import idx
from training.errors import DataError

NAME = "train-images-idx3-ubyte"
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
# Written out by hand, so that `encode` is not tested against itself.
ENCODED = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, *range(24)])
PACKED = gzip.compress(ENCODED, mtime=0)
SHA256 = hashlib.sha256(ENCODED).hexdigest()


def write_plain(folder: Path) -> None:
    (folder / NAME).write_bytes(ENCODED)


def write_gzip(folder: Path) -> None:
    (folder / f"{NAME}.gz").write_bytes(PACKED)


def write_npz(folder: Path) -> None:
    np.savez_compressed(folder / "mnist.npz", x_train=IMAGES)


@pytest.mark.parametrize("write", [write_plain, write_gzip, write_npz])
def test_every_form_gives_the_same_array(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    assert np.array_equal(idx.read(tmp_path, NAME, SHA256), IMAGES)


def test_an_npz_may_be_named_itself(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x_train=IMAGES)
    assert np.array_equal(idx.read(tmp_path / "other.npz", NAME, SHA256), IMAGES)


def test_encode_writes_the_format() -> None:
    assert idx.encode(IMAGES) == ENCODED


@pytest.mark.parametrize("write", [write_plain, write_gzip, write_npz])
def test_another_digest_is_refused(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    with pytest.raises(DataError, match=f"SHA-256 .* is {SHA256}, expected 0000"):
        idx.read(tmp_path, NAME, "0000")


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG....", "begins with 89 50 4e 47"),
        (ENCODED[:10], "ends within its own header"),
        (ENCODED[:-1], "promises 24 bytes of .* 23 follow"),
        (ENCODED + b"\0", "promises 24 bytes of .* 25 follow"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damaged: bytes, message: str) -> None:
    (tmp_path / NAME).write_bytes(damaged)
    with pytest.raises(DataError, match=message):
        idx.read(tmp_path, NAME, SHA256)


@pytest.mark.parametrize("damaged", [PACKED[:-9], b"not gzip", PACKED[:12] + b"\xff" * 30])
def test_a_damaged_gzip_is_refused(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(damaged)
    with pytest.raises(DataError, match="damaged gzip"):
        idx.read(tmp_path, NAME, SHA256)


def test_an_npz_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=IMAGES.astype(np.float32))
    with pytest.raises(DataError, match="'x_train' is float32, expected uint8"):
        idx.read(tmp_path, NAME, SHA256)
    with pytest.raises(DataError, match="no readable array 'y_test'"):
        idx.read(tmp_path, "t10k-labels-idx1-ubyte", SHA256)


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    write_npz(tmp_path)
    whole = (tmp_path / "mnist.npz").read_bytes()
    (tmp_path / "mnist.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no readable array"):
        idx.read(tmp_path, NAME, SHA256)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"holds neither {NAME} nor {NAME}\.gz nor mnist\.npz"):
        idx.read(tmp_path, NAME, SHA256)
