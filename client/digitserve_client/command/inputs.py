"""What the command is given -> images with their names, one at a time: files, folders, paths or a picture on stdin."""

import os
import re
import select
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from digitserve_client.chunks import OLDEST, Lull
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


def images(arguments: Iterable[str], stdin: BufferedReader) -> Iterator[Named | Lull]:
    """All images that the arguments name, and lulls of stdin. Raises FileNotFoundError for what is nothing."""
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


def _of_stdin(stdin: BufferedReader) -> Iterator[Named | Lull]:
    """One picture, or paths with line ends or zero bytes between them, as `find` and `find -print0` write them."""
    head = _head(stdin)
    kind = media_type(head)
    if kind != RAW and not (kind == BMP and _is_text(head)):
        yield Named(STDIN, head + stdin.read())
        return
    yield from (one if isinstance(one, Lull) else Named.of(one) for one in _paths(head, stdin))


def _head(stdin: BufferedReader) -> bytes:
    """As many bytes as tell what it is, or whole paths: the next may be long in coming."""
    head = b""
    while len(head) < HEAD and not head.endswith((b"\n", b"\0")) and (more := stdin.read1(BLOCK)):
        head += more
    return head


def _is_text(head: bytes) -> bool:
    """Whether what begins as a BMP picture is none: the size of its second header is a small number in four bytes."""
    return head[15:18] != bytes(3)


def _paths(more: bytes, stdin: BufferedReader) -> Iterator[Path | Lull]:
    """One after the other, and lulls. Raises ValueError for what is too long to be one."""
    between = ZERO if b"\0" in more else LINE_END
    begun = b""
    while more:
        *whole, begun = between.split(begun + more)
        yield from (Path(os.fsdecode(one)) for one in whole if one)
        if len(begun) > LONGEST_PATH:
            raise ValueError(f"expected a picture or paths on stdin; got {begun[:HEAD]!r} and more; send one of these")
        while _is_quiet(stdin):
            yield Lull.NOW
        more = stdin.read1(BLOCK)
    if begun:
        yield Path(os.fsdecode(begun))


def _is_quiet(stdin: BufferedReader) -> bool:
    """Whether nothing comes for a while; never where that cannot be asked, as of a pipe on Windows."""
    try:
        return not select.select([stdin], [], [], OLDEST)[0]
    except OSError:
        return False
