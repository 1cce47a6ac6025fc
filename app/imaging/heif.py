"""HEIC, as iPhones keep their photos: decoded by libheif, apart. An extra.

libheif turns and mirrors a picture as the file says, so that none needs EXIF for it.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from app.budget import Budget
from app.imaging.apart import Apart, run_apart
from app.imaging.costs import seconds_to_decode

HEADER_SECONDS = 0.1  # of CPU, for a header at most
STRIP_ROWS = 256  # of the smaller picture, that are made at a time

pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False


class Header(NamedTuple):
    mode: str
    size: tuple[int, int]


def opened(data: bytes, budget: Budget) -> Apart:
    """The main picture of a file. Raises Undecodable, TooMuchWork."""
    header = run_apart(_header, data, budget=budget, what="reading the HEIC's header", most=HEADER_SECONDS)
    image = Apart("HEIF", header.mode, header.size)
    image.decoded = partial(_decoded, data, image, budget)
    return image


def _decoded(data: bytes, image: Apart, budget: Budget, enough: int) -> Image.Image:
    paid = seconds_to_decode(image, len(data), 1)  # by whoever opened it, for what its header says: which may lie
    factor = max(image.size) // enough
    return Image.fromarray(run_apart(_pixels, data, factor, budget=budget, what="decoding the HEIC", paid=paid))


def _header(data: bytes) -> Header:
    found = pillow_heif.open_heif(data)
    return Header(found.mode, found.size)


def _pixels(data: bytes, factor: int) -> NDArray[np.uint8]:
    """[H, W, C], smaller by a whole factor. In strips: as a whole it would take twice the memory."""
    pixels = np.asarray(pillow_heif.open_heif(data))
    if factor < 2:
        return np.array(pixels)
    rows = factor * STRIP_ROWS
    strips = [Image.fromarray(pixels[top : top + rows]).reduce(factor) for top in range(0, len(pixels), rows)]
    return np.concatenate([np.asarray(strip) for strip in strips])
