"""A PNG writer for 8 bit pixels, so that arrays need neither NumPy nor Pillow. https://www.w3.org/TR/png-3/"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE = {1: 0, 3: 2, 4: 6}  # channels -> greyscale, truecolour, truecolour with alpha
FASTEST = 1  # the next hop is near: time counts for more than the last few per cent of size


def encode(pixels: bytes, height: int, width: int, channels: int) -> bytes:
    """The PNG file of `height * width * channels` bytes, row by row; `channels` is 1, 3 or 4."""
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPE[channels], 0, 0, 0)
    row = width * channels
    # Every row is led by the number of its filter; 0 leaves the row as it is.
    rows = b"".join(b"\0" + pixels[start : start + row] for start in range(0, height * row, row))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, FASTEST)) + _chunk(b"IEND", b"")
    return SIGNATURE + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
