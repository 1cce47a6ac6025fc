"""A user's own images of digits, framed as the service frames them; a fifth of them is held out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.errors import ServiceError
from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.inference import bundle
from app.inference.session import Frames
from training.data import Digits
from training.errors import ImagesError

MAX_PIXELS = 64_000_000  # of one image, as the service takes it by default
FEWEST = 5  # images of a digit: of so many, a fifth is one at least
HELD_OUT = 0.2


class Images(NamedTuple):
    """Those that can be used, and those that cannot."""

    train: Digits
    held_out: Digits
    """To tell by what was gained. The files' digests decide, not a seed: what is held out now was not learnt before."""
    sha256: str
    """Of the sorted lines `DIGIT SHA-256`, one for each file."""
    left_out: list[str]
    """Each file's name and the reason."""


def read(folder: Path) -> Images:
    """Images from folders 0 to 9, framed as the service frames them; what cannot be, and second copies, are left out.

    Raises ImagesError where fewer than 5 of a digit are left.
    """
    used: dict[str, tuple[str, int, Frames]] = {}  # name, digit and frame, by the file's digest
    left_out: list[str] = []
    for digit in range(10):
        for path in sorted(file for file in (folder / str(digit)).rglob("*") if file.is_file()):
            name = str(path.relative_to(folder))
            try:
                data = path.read_bytes()
                frame = normalise(decode(open_image(data, max_pixels=MAX_PIXELS))).pixels
            except (OSError, ServiceError) as error:
                left_out.append(f"{name}: {error}")
                continue
            first, *_ = used.setdefault(bundle.digest(data), (name, digit, frame))
            if first != name:
                left_out.append(f"{name}: the same file as {first}")
    in_order = [used[sha256] for sha256 in sorted(used)]
    labels = np.array([digit for _, digit, _ in in_order], np.int64)
    counts = np.bincount(labels, minlength=10)
    if few := [f"{count} of {digit}" for digit, count in enumerate(counts) if count < FEWEST]:
        raise ImagesError(
            f"{folder}: expected folders 0 to 9, each with at least {FEWEST} images of its digit, but there are only "
            + "; left out: ".join([", ".join(few), *left_out])
        )
    listing = sorted(f"{digit} {sha256}\n" for sha256, (_, digit, _) in used.items())
    own = Digits(np.stack([frame for _, _, frame in in_order]), labels)
    of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    held_out = np.concatenate([members[: round(HELD_OUT * len(members))] for members in of_class])
    return Images(
        train=own.take(np.setdiff1d(np.arange(len(labels)), held_out)),
        held_out=own.take(held_out),
        sha256=bundle.digest("".join(listing).encode()),
        left_out=left_out,
    )
