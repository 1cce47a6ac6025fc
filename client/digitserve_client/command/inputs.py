"""What the command is given -> images with their names, one at a time: files, folders, paths or a picture on stdin."""

import os
import re
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from digitserve_client.images import RAW, AnyImage, media_type

STDIN = "-"
HEAD = 16  # bytes that tell what a file is
NPY = "application/x-npy"
LONGEST_PATH = 4096  # bytes; beyond, what comes on stdin is no list of paths
BLOCK = 65536  # bytes of it at a time
PATH_END = re.compile(rb"\0|\r?\n")


class Named(NamedTuple):
    """An image, and what its answer is called by."""

    name: str
    image: AnyImage


def images(arguments: Iterable[str], stdin: BufferedReader) -> Iterator[Named]:
    """All images that the arguments name. Raises FileNotFoundError for an argument that is nothing."""
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            yield from _of_stdin(stdin)
        elif path.is_dir():
            yield from (Named(str(one), one) for one in pictures(path))
        elif path.exists():
            yield from _of_file(path)
        else:
            raise FileNotFoundError(f"{argument} is no file or folder")


def pictures(folder: Path) -> Iterator[Path]:
    """The files in it, and in those in it, that are pictures by their first bytes; not those that are hidden."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from pictures(Path(entry))
        elif entry.is_file() and is_picture(Path(entry)):
            yield Path(entry)


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
        yield Named(str(path), path)


def _of_array(path: Path) -> Iterator[Named]:
    """Each frame of an array [N, 28, 28]; another array is one image. Needs NumPy."""
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim == 3 and array.shape[1:] == (28, 28):
        yield from (Named(f"{path}[{place}]", frame) for place, frame in enumerate(array))
    else:
        yield Named(str(path), array)


def _of_stdin(stdin: BufferedReader) -> Iterator[Named]:
    """One picture, or paths with line ends or zero bytes between them, as `find` and `find -print0` write them."""
    head = stdin.read(HEAD)
    if media_type(head) != RAW:
        yield Named(STDIN, head + stdin.read())
        return
    for path in _paths(head, stdin):
        yield Named(path, Path(path))


def _paths(begun: bytes, stdin: BufferedReader) -> Iterator[str]:
    """One after the other. Raises ValueError for what is too long to be one."""
    while True:
        more = stdin.read1(BLOCK)
        *whole, begun = PATH_END.split(begun + more)
        yield from (os.fsdecode(one) for one in (whole if more else [*whole, begun]) if one)
        if not more:
            return
        if len(begun) > LONGEST_PATH:
            raise ValueError(f"expected a picture or paths on stdin; got {begun[:HEAD]!r} and more; send one of these")
