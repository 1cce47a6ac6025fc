"""Pictures for tests, made here: encoded frames, photographs of a kind, and files that are broken on purpose."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.tasks.digits import strokes


def encoded(pixels: NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    if kind == "HEIF":
        import pillow_heif  # an extra

        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def one_colour_png(width: int, height: int) -> bytes:
    """A valid black PNG, one bit a pixel, written row by row so that it is never held unpacked."""
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiled_tiff(side: int, tile: int) -> bytes:
    """A grey TIFF, uncompressed, of one tile; the tile's bytes are there up to 32x32."""
    data = bytes(range(256)) * 4
    tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (277, 1), (322, tile), (323, tile), (324, 8)]
    tags.append((325, len(data)))
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return start + data + struct.pack("<H", len(tags)) + directory + bytes(4)


def broken(digit: int) -> NDArray[np.uint8]:
    """A digit of the project's own on white paper, with a gap from top to bottom as of a line that was taken out."""
    paper = 255 - strokes.render(digit, size=140)
    paper[:, 66:74] = 255
    return paper


def half_in_shadow(digit: int) -> NDArray[np.uint8]:
    """One of 36 x 36 pixels, of which the right half lies in a shadow that is darker than the ink at the left."""
    ink = strokes.render(digit, size=36) / 255
    light = np.where(np.arange(36) < 18, 1.0, 0.45)
    shown: NDArray[np.uint8] = np.rint((230 - 150 * ink) * light).astype(np.uint8)
    return shown
