"""A shard: a part of the input that is scored as one and written as one file. Small, picklable, read lazily."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from app import archive
from app.bulk.pieces import Pictures, Piece, of_bytes, of_frames
from app.errors import ServiceError, TooLarge, Undecodable
from app.tasks.digits.arrays import FRAME_BYTES, SIDE

T = TypeVar("T")
PIECE = 1024  # frames that are read at a time
PICTURES = 64  # and pictures


class InputError(Exception):
    """An input as a whole cannot be scored; the message says what was expected, what came and what to do."""


class Shard(Protocol):
    """What is scored as one."""

    @property
    def images(self) -> int:
        """How many it holds."""

    @property
    def source(self) -> str:
        """Where they are, for people."""

    @property
    def frames(self) -> bool:
        """Whether they are frames that are ready, not pictures."""

    def key(self) -> tuple[object, ...]:
        """What tells it from any other: ids, sizes and digests, as far as they are known without reading images."""

    def ids(self) -> Iterator[str]:
        """Of its images, in their order."""

    def read(self, most_bytes: int) -> Iterator[Piece]:
        """Its images in pieces; a picture of more than `most_bytes` is an error. Raises OSError, InputError."""


@dataclass(frozen=True)
class FileShard:
    """Consecutive files of a folder, each a picture."""

    root: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    changed: tuple[int, ...]  # nanoseconds

    frames = False

    @property
    def images(self) -> int:
        return len(self.names)

    @property
    def source(self) -> str:
        return f"{self.root} ({self.names[0]} to {self.names[-1]})"

    def key(self) -> tuple[object, ...]:
        return "files", self.root, self.names, self.sizes, self.changed

    def ids(self) -> Iterator[str]:
        return (text(f"{self.root}/{name}") for name in self.names)

    def read(self, most_bytes: int) -> Iterator[Piece]:
        for files in chunks(list(zip(self.names, self.sizes, strict=True)), PICTURES):
            contents = (_file(f"{self.root}/{name}", size, most_bytes) for name, size in files)
            yield Pictures([text(f"{self.root}/{name}") for name, _ in files], contents)


@dataclass(frozen=True)
class ZipShard:
    """Consecutive files of an archive, each a picture."""

    path: str
    entries: tuple[zipfile.ZipInfo, ...]

    frames = False

    @property
    def images(self) -> int:
        return len(self.entries)

    @property
    def source(self) -> str:
        return f"{self.path} ({self.entries[0].filename} to {self.entries[-1].filename})"

    def key(self) -> tuple[object, ...]:
        return "zip", self.path, tuple((entry.filename, entry.file_size, entry.CRC) for entry in self.entries)

    def ids(self) -> Iterator[str]:
        return (self._id(entry) for entry in self.entries)

    def read(self, most_bytes: int) -> Iterator[Piece]:
        with Path(self.path).open("rb") as file:
            for entries in chunks(self.entries, PICTURES):
                contents = (checked(archive.guarded(file, entry, most_bytes), most_bytes) for entry in entries)
                yield Pictures([self._id(entry) for entry in entries], contents)

    def _id(self, entry: zipfile.ZipInfo) -> str:
        return text(f"{self.path}/{entry.filename}")


@dataclass(frozen=True)
class ArrayShard:
    """Consecutive frames of an array in a file, row by row, without gaps: IDX or .npy."""

    path: str
    offset: int  # bytes before the array's first frame
    dtype: str
    start: int
    stop: int
    of: tuple[int, int]  # the file's size, and when it was changed, in nanoseconds

    frames = True

    @property
    def images(self) -> int:
        return self.stop - self.start

    @property
    def source(self) -> str:
        return f"{self.path} ({self.start:,} to {self.stop - 1:,})"

    def key(self) -> tuple[object, ...]:
        return "array", self.path, self.offset, self.dtype, self.start, self.stop, self.of

    def ids(self) -> Iterator[str]:
        return iter(numbered(self.path, self.start, self.stop))

    def read(self, most_bytes: int) -> Iterator[Piece]:
        del most_bytes  # a frame is as large as it is
        kind = np.dtype(self.dtype)
        with Path(self.path).open("rb") as file:
            file.seek(self.offset + self.start * FRAME_BYTES * kind.itemsize)
            for start in range(self.start, self.stop, PIECE):
                stop = min(start + PIECE, self.stop)
                content = file.read((stop - start) * FRAME_BYTES * kind.itemsize)
                if len(content) != (stop - start) * FRAME_BYTES * kind.itemsize:
                    raise InputError(f"{self.path} has become shorter since it was looked at")
                array = np.frombuffer(content, kind).reshape(-1, SIDE, SIDE)
                yield of_frames(numbered(self.path, start, stop), array)


@dataclass(frozen=True)
class ParquetShard:
    """Consecutive rows of a Parquet file, of which one column holds pictures or frames."""

    path: str
    column: str
    field: str | None  # of the column's struct, that holds the bytes
    frames: bool  # whether each row is 784 bytes of pixels
    groups: tuple[int, ...]  # row groups that hold the rows
    first: int  # row of the file with which the groups begin
    start: int
    stop: int
    of: tuple[int, int]  # the file's size, and when it was changed, in nanoseconds

    @property
    def images(self) -> int:
        return self.stop - self.start

    @property
    def source(self) -> str:
        return f"{self.path} ({self.start:,} to {self.stop - 1:,})"

    def key(self) -> tuple[object, ...]:
        return "parquet", self.path, self.column, self.field, self.groups, self.start, self.stop, self.of

    def ids(self) -> Iterator[str]:
        return iter(numbered(self.path, self.start, self.stop))

    def read(self, most_bytes: int) -> Iterator[Piece]:
        at = self.first
        for column in self._columns():
            start, stop = max(at, self.start), min(at + len(column), self.stop)
            if start < stop:
                values = column.slice(start - at, stop - start).to_pylist()
                ids = numbered(self.path, start, stop)
                if self.frames:
                    yield of_bytes(ids, values)
                else:
                    yield Pictures(ids, (_value(value, most_bytes) for value in values))
            at += len(column)
            if at >= self.stop:
                return

    def _columns(self) -> Iterator[Any]:
        """Arrays of bytes, one for each of the groups' batches."""
        import pyarrow
        from pyarrow import parquet

        rows = PIECE if self.frames else PICTURES
        try:
            with parquet.ParquetFile(self.path, buffer_size=1 << 20) as file:
                read = file.iter_batches(rows, row_groups=list(self.groups), columns=[self.column], use_threads=False)
                for batch in read:
                    yield batch.column(0).field(self.field) if self.field else batch.column(0)
        except pyarrow.ArrowException as error:
            raise InputError(f"{self.path} is broken ({error}); write it anew") from error


def _file(path: str, size: int, most_bytes: int) -> bytes | ServiceError:
    """Of so many bytes, when it was last looked at; what has grown since is read up to one byte more."""
    try:
        with FileIO(path) as file:  # a Path takes ten times as long, for each picture
            content = file.read(min(size, most_bytes) + 1)
    except OSError as error:
        return Undecodable(f"the file cannot be read ({error.strerror})")
    if len(content) > size > 0:
        return Undecodable("the file has grown since the run began; start it again when nothing is written there")
    return checked(content, most_bytes)


def _value(value: Any, most_bytes: int) -> bytes | ServiceError:
    if value is None:
        return Undecodable("the column holds no bytes here; files and addresses that it may name are not fetched")
    return checked(value, most_bytes)


def checked(content: bytes | ServiceError, most_bytes: int) -> bytes | ServiceError:
    """A picture's bytes, or why they cannot be one."""
    if isinstance(content, ServiceError):
        return content
    if not content:
        return Undecodable("there are no bytes; expected an image")
    if len(content) > most_bytes:
        return TooLarge(f"a picture holds at most {most_bytes:,} bytes; this one has more")
    return content


def numbered(path: str, start: int, stop: int) -> list[str]:
    """Ids of an array's images."""
    name = text(path)
    return [f"{name}#{place}" for place in range(start, stop)]


def text(path: str) -> str:
    """A name in UTF-8, also of a file whose name is none."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def digest(*keys: object) -> str:
    """Of anything that is written the same whenever it is the same."""
    return hashlib.sha256(repr(keys).encode("utf-8", "surrogateescape")).hexdigest()
