"""Inputs -> shards, in an order that is the same every time: folders, ZIP archives, IDX, .npy and Parquet files.

What is broken as a whole is found here, before anything is scored. Nothing is fetched: addresses are refused.
"""

import os
import struct
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from app import archive
from app.bulk.shards import ArrayShard, FileShard, InputError, ParquetShard, Shard, ZipShard, chunks
from app.errors import ServiceError
from app.tasks.digits.arrays import FRAME_BYTES, SIDE

SIDES = (SIDE, SIDE)
IDX_IMAGES, IDX_LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"
IDX_HEAD = struct.Struct(">4sIII")  # magic number, images, rows, columns
ZIP_BEGINS, PARQUET_BEGINS, GZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06"), b"PAR1", b"\x1f\x8b"
OF_MANY = (npy.MAGIC_PREFIX, *ZIP_BEGINS, PARQUET_BEGINS, IDX_IMAGES, IDX_LABELS, GZIP_BEGINS)
MOST_SLICES = 16  # of a row group: each reads it from its beginning
SUFFIXES = (".zip", ".npy", ".parquet", "-idx3-ubyte")  # of files in a folder that hold many images


def check(inputs: Sequence[Path]) -> None:
    """Raises InputError where one is not there, or holds another."""
    for path in inputs:
        if not path.exists():
            raise InputError(f"{path} is not there; expected a folder, a ZIP archive, IDX, .npy or Parquet")
    for one, other in pairwise(sorted((path.resolve() for path in inputs), key=lambda path: path.parts)):
        if other.is_relative_to(one):
            raise InputError(f"{other} is given twice, or within {one}: its images would be scored twice")


def shards(inputs: Sequence[Path], size: int, column: str | None = None) -> Iterator[Shard]:
    """Of about `size` images each. `column` names the one of a Parquet file that holds images, where several might.

    Raises InputError.
    """
    for path in inputs:
        path = Path(os.path.normpath(path))
        try:
            yield from _folder(path, size, column) if path.is_dir() else _file(path, size, column)
        except OSError as error:
            raise InputError(f"{error.filename or path} cannot be read ({error.strerror})") from error


def _folder(root: Path, size: int, column: str | None) -> Iterator[Shard]:
    """Files that hold many images as they come, and pictures once there are enough for a shard."""
    names: list[str] = []
    sizes: list[int] = []
    changed: list[int] = []
    for name in _walk(str(root), ""):
        if name.endswith(SUFFIXES):
            yield from _file(root / name, size, column)
            continue
        stat = (root / name).stat()
        names.append(name)
        sizes.append(stat.st_size)
        changed.append(stat.st_mtime_ns)
        if len(names) == size:
            yield FileShard(str(root), tuple(names), tuple(sizes), tuple(changed))
            names, sizes, changed = [], [], []
    if names:
        yield FileShard(str(root), tuple(names), tuple(sizes), tuple(changed))


def _walk(root: str, under: str) -> Iterator[str]:
    """Files by their names below `root`, folder by folder, sorted; hidden ones are passed over."""
    with os.scandir(f"{root}/{under}") as entries:
        found = sorted(
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in entries
            if not entry.name.startswith(".") and (entry.is_file() or entry.is_dir(follow_symlinks=False))
        )
    for name, is_folder in found:
        if not is_folder:
            yield f"{under}{name}"
        elif name != "__MACOSX":
            yield from _walk(root, f"{under}{name}/")


def holds_many(path: Path) -> bool:
    """Whether a file begins as one of many images does. Raises OSError."""
    return _beginning(path).startswith(OF_MANY)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(6)


def _file(path: Path, size: int, column: str | None) -> Iterator[Shard]:
    """By what it begins with, whatever its name says."""
    begin = _beginning(path)
    if begin == npy.MAGIC_PREFIX:
        yield from _npy(path, size)
    elif begin[:4] in ZIP_BEGINS:
        yield from _zip(path, size)
    elif begin[:4] == PARQUET_BEGINS:
        yield from _parquet(path, size, column)
    elif begin[:4] == IDX_IMAGES:
        yield from _idx(path, size)
    elif begin[:4] == IDX_LABELS:
        raise InputError(f"{path} holds labels, not images; give the file whose name has idx3 in it")
    elif begin.startswith(GZIP_BEGINS):
        raise InputError(f"{path} is packed by gzip, in which nothing can be found by its place; gunzip it first")
    else:
        raise InputError(
            f"{path} begins with {begin!r}; expected a folder, a ZIP archive, IDX, .npy or Parquet. "
            "A single picture is read by `digitserve predict`, or scored within its folder."
        )


def _zip(path: Path, size: int) -> Iterator[Shard]:
    try:
        with path.open("rb") as file:
            entries = [entry for entry in archive.entries_of(file) if not archive.is_litter(entry)]
    except ServiceError as error:
        raise InputError(f"{path} cannot be read as a ZIP archive: {error.detail}") from error
    if len({entry.filename for entry in entries}) < len(entries):
        raise InputError(f"{path} holds two files of one name, so that their answers could not be told apart")
    for some in chunks(entries, size):
        yield ZipShard(str(path), tuple(_light(entry) for entry in some))


def _light(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Without what is of no use for unpacking it."""
    entry.extra = entry.comment = b""
    return entry


def _npy(path: Path, size: int) -> Iterator[Shard]:
    with path.open("rb") as file:
        try:
            read_header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
        except Exception as error:  # the header is evaluated as Python literals and can fail in any way
            raise InputError(f"{path} has no readable .npy header ({error}); write it with numpy.save") from error
        offset = file.tell()
    if dtype.kind not in "uif":
        raise InputError(f"{path} holds {dtype}; expected numbers, best uint8")
    if shape == SIDES:
        shape = (1, *SIDES)
    if len(shape) != len(SIDES) + 1 or shape[1:] != SIDES:
        raise InputError(f"{path} is an array of shape {list(shape)}; expected [N, {SIDE}, {SIDE}]")
    if fortran and shape[0] > 1:
        raise InputError(f"{path} is in Fortran's order; save numpy.ascontiguousarray of it")
    yield from _array(path, offset, dtype, shape[0], size)


def _idx(path: Path, size: int) -> Iterator[Shard]:
    with path.open("rb") as file:
        head = file.read(IDX_HEAD.size)
    if len(head) < IDX_HEAD.size:
        raise InputError(f"{path} ends within its own header")
    _, images, *sides = IDX_HEAD.unpack(head)
    if tuple(sides) != SIDES:
        raise InputError(f"{path} holds images of {sides[0]}x{sides[1]} pixels; expected {SIDE}x{SIDE}")
    yield from _array(path, IDX_HEAD.size, np.dtype(np.uint8), images, size)


def _array(path: Path, offset: int, dtype: np.dtype[Any], images: int, size: int) -> Iterator[Shard]:
    of, expected = _stamp(path), offset + images * FRAME_BYTES * dtype.itemsize
    if of[0] < expected:
        raise InputError(f"{path} promises {images:,} images, so {expected:,} bytes, but has {of[0]:,}: it is cut off")
    for start in range(0, images, size):
        yield ArrayShard(str(path), offset, dtype.str, start, min(start + size, images), of)


def _parquet(path: Path, size: int, column: str | None) -> Iterator[Shard]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"to read {path}, install the extra: pip install 'digitserve[score]'") from error
    of = _stamp(path)
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error})") from error
    name, field, frames = _image_column(path, schema, column)
    for groups, first, start, stop in _row_ranges(rows, size):
        yield ParquetShard(str(path), name, field, frames, groups, first, start, stop, of)


def _image_column(path: Path, schema: Any, column: str | None) -> tuple[str, str | None, bool]:
    """The column, the field of its struct that holds the bytes, if it is one, and whether those are pixels."""
    if column is not None and column not in schema.names:
        raise InputError(f"{path} has no column {column!r}; it has {', '.join(schema.names)}")
    fitting = {field.name: how for field in schema if (how := _bytes_of(field.type)) and column in {None, field.name}}
    if len(fitting) == 1:
        ((name, (inner, frames)),) = fitting.items()
        return name, inner, frames
    listed = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if fitting:
        raise InputError(f"{path} has several columns of bytes ({', '.join(fitting)}); choose one by --column")
    raise InputError(
        f"{path} has no column of images, which is binary, a struct with binary `bytes`, or {FRAME_BYTES} bytes of "
        f"pixels; it has {listed}. Names of files and addresses are not fetched: store the pictures themselves."
    )


def _bytes_of(kind: Any) -> tuple[str | None, bool] | None:
    import pyarrow

    if kind == pyarrow.binary(FRAME_BYTES):
        return None, True
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind) or pyarrow.types.is_fixed_size_binary(kind):
        return None, False
    if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:  # as Hugging Face's datasets write images
        inner = kind.field("bytes").type
        return ("bytes", False) if pyarrow.types.is_binary(inner) or pyarrow.types.is_large_binary(inner) else None
    return None


def _row_ranges(rows: Sequence[int], size: int) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
    """Small row groups together, large ones in slices: (groups, the row they begin with, from, to)."""
    groups: list[int] = []
    first = at = 0
    for group, count in enumerate(rows):
        if groups and at + count - first > size:
            yield tuple(groups), first, first, at
            groups, first = [], at
        groups.append(group)
        at += count
        if at - first > size:  # this one alone
            step = max(size, -(-count // MOST_SLICES))
            for start in range(first, at, step):
                yield (group,), first, start, min(start + step, at)
            groups, first = [], at
    if at > first:
        yield tuple(groups), first, first, at


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
