"""HEIC, as iPhones keep their photos: decoded by libheif, apart. An extra.

libheif turns and mirrors a picture as the file says, so that none needs EXIF for it.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from app.imaging.apart import Apart, run_apart
from app.imaging.costs import seconds_to_decode

HEADER_SECONDS = 0.1  # of CPU, for a header
PATIENCE = 3.0  # times the estimated work, in CPU seconds, before decoding is ended: a header may lie
STRIP_ROWS = 256  # of the smaller picture, that are made at a time

pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False


class Header(NamedTuple):
    mode: str
    size: tuple[int, int]


def opened(data: bytes) -> Apart:
    """The main picture of a file. Raises Undecodable, TooMuchWork."""
    header, _ = run_apart(_header, data, seconds=HEADER_SECONDS, what="reading the HEIC's header")
    image = Apart("HEIF", header.mode, header.size)
    image.decoded = partial(_decoded, data, image)
    return image


def _decoded(data: bytes, image: Apart, enough: int) -> Image.Image:
    seconds = HEADER_SECONDS + PATIENCE * seconds_to_decode(image, len(data), 1)
    factor = max(image.size) // enough
    pixels, _ = run_apart(_pixels, data, factor, seconds=seconds, what="decoding the HEIC")
    return Image.fromarray(pixels)


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
