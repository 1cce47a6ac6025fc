"""What decoding an image takes, in seconds and in bytes of memory, by its header: upper bounds, measured on an ordinary
server, that pictures of any content keep to.
"""

import math
from typing import NamedTuple

from PIL import Image

ENOUGH = 1024  # pixels a side; more tell nothing of a number
TILE_WIDTH, TILE_LENGTH, STRIP_COUNTS = 322, 323, (279, 325)  # TIFF tags
JPEGS = frozenset({"JPEG", "MPO"})
SCALES = 8, 4, 2  # by which a JPEG may be decoded smaller than it is


class Cost(NamedTuple):
    """In seconds."""

    pixel: float
    sample: float
    """For each byte that a pixel has once it is unpacked."""
    byte: float
    """Of the file: where pixels are hard to pack, a byte of them takes longer."""


ROW = 25e-9  # seconds for a row of pixels, however few they are
OPENING = 0.3e-3  # seconds, of any image
COSTS = {
    "PNG": Cost(1e-9, 3.5e-9, 12e-9),
    "JPEG": Cost(0, 0.8e-9, 20e-9),
    "MPO": Cost(0, 0.8e-9, 20e-9),  # as Pillow calls a JPEG that may hold several pictures
    "WEBP": Cost(12e-9, 0, 80e-9),
    "GIF": Cost(8e-9, 0, 10e-9),
    "BMP": Cost(3e-9, 0, 1e-9),
    "TIFF": Cost(3e-9, 4e-9, 12e-9),
    "HEIF": Cost(15e-9, 0, 250e-9),
}
PLAIN_CHANNEL = 12e-9  # seconds, to decode and convert a channel of a pixel of a plain PNG
INTERLACED = 8e-9  # seconds more for a byte of an interlaced PNG
RUN_LENGTHS = 170e-9  # seconds more for a pixel of a BMP that is packed
FAX = 30e-9  # seconds more for a byte of a TIFF of bits
FULL_SIZE = 6e-9  # seconds more for a pixel of a JPEG, of those that are left where it is decoded smaller
SCAN = 1.2e-9  # seconds for each sample of a JPEG that is decoded once more
SMALLER = 2e-9  # seconds for a channel of a pixel that is decoded, to make it smaller or of another kind
ON_PAPER, STRETCHED = 30e-9, 25e-9  # seconds for a pixel that is transparent, or has more shades than a byte


def pixels_of(image: Image.Image) -> int:
    """How many pixels decoding an image will hold, by its header."""
    return math.prod(largest_piece(image))


def largest_piece(image: Image.Image) -> tuple[int, int]:
    """The image's size, or that of a TIFF's tiles, which are allocated whole however small the image is."""
    if image.format != "TIFF":
        return image.size
    tags = getattr(image, "tag_v2", {})
    tile = int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_LENGTH, 0))
    return max(image.size, tile, key=math.prod)


def seconds_to_decode(image: Image.Image, size: int, scans: int) -> float:
    """Of an image of `size` bytes, opened but not loaded; `scans` are how often a JPEG's pixels are decoded."""
    if image.format == "PDF":
        return 0.0  # it is charged when it is drawn, for what that took
    pixels, samples, cost = pixels_of(image), _samples(image), COSTS[str(image.format)]
    if image.format == "TIFF":
        size = max(size, _bytes_of_strips(image))
    seconds = pixels * (cost.pixel + cost.sample * samples + _smaller(image)) + size * cost.byte
    seconds += largest_piece(image)[1] * ROW
    if image.format in JPEGS:
        seconds += pixels * FULL_SIZE / _scale(image) ** 2 + pixels * samples * SCAN * (scans - 1)
    if image.format == "PNG" and "interlace" in image.info:
        seconds += pixels * samples * INTERLACED
    if image.format == "TIFF" and image.mode == "1":
        seconds += size * FAX
    if image.format == "BMP" and image.info.get("compression") in {1, 2}:
        seconds += pixels * RUN_LENGTHS
    return seconds


def seconds_to_convert(image: Image.Image) -> float:
    """Of a decoded one, to grey or coloured pixels."""
    pixels = math.prod(image.size)
    if image.mode == "F" or image.mode.startswith("I"):
        return pixels * STRETCHED
    return pixels * (ON_PAPER if image.has_transparency_data else _smaller(image))


def _bytes_of_strips(image: Image.Image) -> int:
    """What is read of a TIFF: more than it has, where strips share their bytes."""
    tags = getattr(image, "tag_v2", {})
    counts = [tags.get(tag, 0) for tag in STRIP_COUNTS]
    return sum(sum(one) if isinstance(one, tuple) else int(one) for one in counts)


def bytes_to_decode(image: Image.Image, scans: int) -> int:
    """What that holds at its highest."""
    pixels = pixels_of(image)
    if image.format in JPEGS:
        coefficients = 2 * pixels * _samples(image) if scans > 1 else 0
        return int(coefficients + pixels / _scale(image) ** 2 * bytes_a_pixel(image))
    if image.format == "WEBP":
        return 12 * pixels
    if image.format == "HEIF":  # as it is coded, and in colours; of more bits than 8, twice that
        return 6 * pixels
    strip = pixels * _samples(image) if image.format == "TIFF" else 0
    return int(strip + pixels * bytes_a_pixel(image))


def bytes_a_pixel(image: Image.Image) -> int:
    """As Pillow holds it, with what it is converted to before it is made smaller."""
    if image.mode.startswith("I;"):
        return 6
    return {"1": 2, "L": 1, "P": 5, "PA": 8}.get(image.mode, 4)


def _smaller(image: Image.Image) -> float:
    return SMALLER * (3 if image.mode == "P" else len(image.getbands()))


def _samples(image: Image.Image) -> float:
    """How many bytes a pixel takes once it is unpacked."""
    if image.mode == "1":
        return 0.125
    if image.format in JPEGS:  # which have fewer colours than pixels, mostly
        layers: list[int] = [across * down for _, across, down, _ in getattr(image, "layer", ())]
        return sum(layers) / max([1, *layers])  # a file may say 0, and is refused later
    wide = image.mode in {"I", "F"} or any("16" in str(tile[3]) for tile in getattr(image, "tile", ())[:1])
    return (2 if wide else 1) * len(image.getbands())


def _scale(image: Image.Image) -> int:
    """By how much a JPEG is decoded smaller than it is, at least."""
    return next((one for one in SCALES if min(image.size) // ENOUGH >= one), 1)
