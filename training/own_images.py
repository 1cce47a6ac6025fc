"""A user's own images of digits, framed as the service frames them; a fifth of them is held out."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app import archive
from app.errors import ServiceError
from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.inference import bundle
from app.tasks.digits.arrays import Frames
from training.constants import PREPARATION
from training.data import Digits
from training.errors import ImagesError

MAX_PIXELS = 64_000_000  # of one image, as the service takes it by default
MAX_BYTES = 64 * 1024 * 1024  # of one image in an archive
FEWEST = 5  # images of a digit
HELD_OUT = 0.2


class Images(NamedTuple):
    """Those that can be used, and those that cannot."""

    train: Digits
    held_out: Digits
    """To tell by what was gained. An image's own digest decides, whatever others there are: so what is held out now was
    held out whenever its folder was used before."""
    sha256: str
    """Of the sorted lines `DIGIT SHA-256`, one for each frame."""
    left_out: list[str]
    """Each file's name and the reason."""


def read(source: Path) -> Images:
    """Images from folders 0 to 9, or from a ZIP of them, framed as the service frames them; what cannot be, and second
    copies, are left out.

    Raises ImagesError where fewer than 5 of a digit are left, or where a file is no ZIP.
    """
    used: dict[str, tuple[str, int, Frames]] = {}  # name, digit and frame, by the frame's digest
    left_out: list[str] = []
    for digit, name, content in _in_archive(source) if source.is_file() else _in_folders(source):
        try:
            if isinstance(content, Exception):
                raise content
            frame = normalise(decode(open_image(content, max_pixels=MAX_PIXELS)), PREPARATION).pixels
        except (OSError, ServiceError) as error:
            left_out.append(f"{name}: {error}")
            continue
        first, *_ = used.setdefault(bundle.digest(frame.tobytes()), (name, digit, frame))
        if first != name:
            left_out.append(f"{name}: the same picture as {first}")
    labels = np.array([digit for _, digit, _ in used.values()], np.int64)
    counts = np.bincount(labels, minlength=10)
    if few := [f"{count} of {digit}" for digit, count in enumerate(counts) if count < FEWEST]:
        raise ImagesError(
            f"{source}: expected folders 0 to 9, each with at least {FEWEST} images of its digit, but there are only "
            + "; left out: ".join([", ".join(few), *left_out])
        )
    listing = sorted(f"{digit} {sha256}\n" for sha256, (_, digit, _) in used.items())
    own = Digits(np.stack([frame for _, _, frame in used.values()]), labels)
    held_out = np.array([int(sha256[:8], 16) < HELD_OUT * 16**8 for sha256 in used])
    return Images(
        train=own.take(np.flatnonzero(~held_out)),
        held_out=own.take(np.flatnonzero(held_out)),
        sha256=bundle.digest("".join(listing).encode()),
        left_out=left_out,
    )


Content = bytes | OSError | ServiceError
"""Or why there is none."""


def _in_folders(folder: Path) -> Iterator[tuple[int, str, Content]]:
    """Each file's digit, name and bytes."""
    for digit in range(10):
        for path in sorted(file for file in (folder / str(digit)).rglob("*") if file.is_file()):
            yield digit, str(path.relative_to(folder)), _content(path)


def _content(path: Path) -> Content:
    try:
        return path.read_bytes()
    except OSError as error:
        return error


def _in_archive(path: Path) -> Iterator[tuple[int, str, Content]]:
    """The same of a ZIP, as the web page makes one of what was labelled there."""
    with path.open("rb") as file:
        try:
            entries = archive.entries_of(file)
        except ServiceError as error:
            raise ImagesError(f"{path}: expected a folder, or a ZIP of one, but it is neither; {error}") from error
        for digit in range(10):
            own = [
                entry for entry in entries if entry.filename.startswith(f"{digit}/") and not archive.is_litter(entry)
            ]
            for entry in sorted(own, key=lambda entry: entry.filename):
                yield digit, entry.filename, archive.guarded(file, entry, MAX_BYTES)
