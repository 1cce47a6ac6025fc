"""What the command is given -> images with their names, one at a time: files, folders, paths or a picture on stdin."""

import os
import re
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from digitserve_client.images import RAW, AnyImage, media_type, shown

STDIN = "-"
HEAD = 18  # bytes that tell what a file is
NPY, BMP = "application/x-npy", "image/bmp"
LONGEST_PATH = 4096  # bytes; beyond, what comes on stdin is no list of paths
BLOCK = 65536  # bytes of it at a time
LINE_END, ZERO = re.compile(rb"\r?\n"), re.compile(rb"\0")  # between paths: of `find`, and of `find -print0`


class Named(NamedTuple):
    """An image, and what its answer is called by."""

    name: str
    image: AnyImage

    @classmethod
    def of(cls, path: Path) -> "Named":
        """By its path."""
        return cls(shown(str(path)), path)


def images(arguments: Iterable[str], stdin: BufferedReader) -> Iterator[Named]:
    """All images that the arguments name. Raises FileNotFoundError for an argument that is nothing."""
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            yield from _of_stdin(stdin)
        elif path.is_dir():
            yield from map(Named.of, pictures(path))
        elif path.exists():
            yield from _of_file(path)
        else:
            raise FileNotFoundError(f"{argument} is no file or folder")


def pictures(folder: Path) -> Iterator[Path]:
    """The `files` that are pictures by their first bytes; and folders that may not be read: that is their answer."""
    return (path for path in files(folder) if is_picture(path) or path.is_dir())


def files(folder: Path) -> Iterator[Path]:
    """Those in it and in the folders in it, by name, but for hidden ones. Raises OSError where `folder` is not read.

    A folder in it that cannot be read stands for its files.
    """
    return _files(_listed(folder))


def _files(entries: list[os.DirEntry[str]]) -> Iterator[Path]:
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            if entry.is_file():
                yield Path(entry)
            continue
        try:
            inside = _listed(entry)
        except OSError:  # gone since it was listed, or not for this user
            yield Path(entry)
        else:
            yield from _files(inside)


def _listed(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((one for one in entries if not one.name.startswith(".")), key=lambda entry: entry.name)


def is_picture(path: Path) -> bool:
    """By its first bytes."""
    try:
        with path.open("rb") as file:
            return media_type(file.read(HEAD)) not in (RAW, NPY)
    except OSError:
        return False


def _of_file(path: Path) -> Iterator[Named]:
    with path.open("rb") as file:
        kind = media_type(file.read(HEAD))
    if kind == NPY:
        yield from _of_array(path)
    else:
        yield Named.of(path)


def _of_array(path: Path) -> Iterator[Named]:
    """Each frame of an array [N, 28, 28]; another array is one image. Needs NumPy."""
    import numpy as np

    array, name = np.load(path, mmap_mode="r", allow_pickle=False), shown(str(path))
    if array.ndim == 3 and array.shape[1:] == (28, 28):
        yield from (Named(f"{name}[{place}]", frame) for place, frame in enumerate(array))
    else:
        yield Named(name, array)


def _of_stdin(stdin: BufferedReader) -> Iterator[Named]:
    """One picture, or paths with line ends or zero bytes between them, as `find` and `find -print0` write them."""
    head = stdin.read(HEAD)
    kind = media_type(head)
    if kind != RAW and not (kind == BMP and _is_text(head)):
        yield Named(STDIN, head + stdin.read())
        return
    yield from map(Named.of, _paths(head, stdin))


def _is_text(head: bytes) -> bool:
    """Whether what begins as a BMP picture is none: the size of its second header is a small number in four bytes."""
    return head[15:18] != bytes(3)


def _paths(begun: bytes, stdin: BufferedReader) -> Iterator[Path]:
    """One after the other. Raises ValueError for what is too long to be one."""
    more = stdin.read1(BLOCK)
    between = ZERO if b"\0" in begun + more else LINE_END
    while True:
        *whole, begun = between.split(begun + more)
        yield from (Path(os.fsdecode(one)) for one in (whole if more else [*whole, begun]) if one)
        if not more:
            return
        if len(begun) > LONGEST_PATH:
            raise ValueError(f"expected a picture or paths on stdin; got {begun[:HEAD]!r} and more; send one of these")
        more = stdin.read1(BLOCK)
