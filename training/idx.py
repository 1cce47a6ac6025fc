"""MNIST's files: IDX, plain or gzipped, and Keras' `mnist.npz`, brought to one form and checked by digest.

IDX is a magic number (two zero bytes, the type 0x08 for uint8, the number of axes), each axis' length as a
big-endian uint32, then the bytes. Source: "The MNIST database", Y. LeCun, C. Cortes, C. Burges.
"""

import gzip
import hashlib
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Bytes = NDArray[np.uint8]

NPZ_FILE = "mnist.npz"
NPZ_KEYS = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}
FILES = tuple(NPZ_KEYS)


def read(source: Path, name: str, sha256: str) -> Bytes:
    """The array called `name` from a folder of IDX files or from an .npz; uint8, any shape.

    Raises DataError where it is missing, damaged, or where the SHA-256 of its uncompressed IDX form differs.
    """
    encoded, origin = _encoded(source, name)
    array = decode(encoded, origin)
    check_digest(encoded, sha256, origin)
    return array


def check_digest(encoded: bytes, sha256: str, origin: object) -> None:
    """Raises DataError where the SHA-256 of uncompressed bytes is another than expected."""
    if (actual := hashlib.sha256(encoded).hexdigest()) != sha256:
        raise DataError(f"{origin}: SHA-256 of what it holds, uncompressed, is {actual}, expected {sha256}")


def decode(encoded: bytes, origin: object) -> Bytes:
    """Uncompressed IDX bytes to a uint8 array of any shape."""
    if len(encoded) < 4 or encoded[:3] != b"\0\0\x08":
        raise DataError(f"{origin}: not an IDX file of uint8 (it begins with {encoded[:4].hex(' ') or 'nothing'})")
    start = 4 + 4 * encoded[3]
    if len(encoded) < start:
        raise DataError(f"{origin}: ends within its own header")
    shape = struct.unpack_from(f">{encoded[3]}I", encoded, 4)
    if (found := len(encoded) - start) != (expected := math.prod(shape)):
        raise DataError(f"{origin}: the header promises {expected} bytes of {shape}, {found} follow")
    return np.frombuffer(encoded, np.uint8, offset=start).reshape(shape)


def encode(array: Bytes) -> bytes:
    """A uint8 array to uncompressed IDX bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def decompress(packed: bytes, origin: object) -> bytes:
    """Gzip to bytes; raises DataError where it is truncated or damaged."""
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{origin}: damaged gzip: {error}") from error


def _encoded(source: Path, name: str) -> tuple[bytes, Path]:
    """The IDX bytes of one array, and the file they came from."""
    plain, packed = source / name, source / f"{name}.gz"
    npz = source if source.suffix == ".npz" else source / NPZ_FILE
    if plain.is_file():
        return plain.read_bytes(), plain
    if packed.is_file():
        return decompress(packed.read_bytes(), packed), packed
    if npz.is_file():
        return _from_npz(npz, NPZ_KEYS[name]), npz
    raise DataError(f"{source}: holds neither {name} nor {name}.gz nor {NPZ_FILE}")


def _from_npz(path: Path, key: str) -> bytes:
    try:
        # Opened here, because np.load leaves the file open where the archive is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            array = archive[key]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: no readable array {key!r}: {error}") from error
    if array.dtype != np.uint8:
        raise DataError(f"{path}: {key!r} is {array.dtype}, expected uint8")
    return encode(array)
