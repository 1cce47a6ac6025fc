"""What an encoded image holds besides pixels, by its bytes alone: pieces, each of which a decoder spends time on.

Walked before Pillow does so, in steps that are counted. Whatever is broken is left for Pillow to complain about.
"""

import re
import struct
from typing import NamedTuple

from app.errors import Undecodable
from app.imaging.apart import FORK_SECONDS
from app.imaging.signatures import is_heif

MOST_PIECES = 10_000  # chunks, blocks or tags; ordinary images have a few, and large PNGs some thousands
MOST_SEGMENTS = 1_000  # of a JPEG, each of up to 64 KB
MOST_SCANS = 100  # of a JPEG; progressive ones have about ten
PIECE_SECONDS, STRIP_SECONDS = 6e-6, 50e-6  # what one costs in Pillow, at most
TEXT_SECONDS, MOST_TEXT_SECONDS = 2e-6, 2e-3  # for a byte of compressed text, and for as much as is unpacked of it

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = frozenset({b"zTXt", b"iTXt", b"iCCP"})
PLAIN_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"sBIT", b"IDAT", b"IEND"})
MOST_PLAIN_CHUNKS, MOST_PLAIN_PIXELS, MOST_PLAIN_BYTES = 32, 100_000, 65_536

START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # among entropy-coded bytes

COMPRESSION, STRIP_COUNTS = 259, frozenset({279, 325})  # tags of a TIFF
READ_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
TAG, TAG_BYTES = "HHI4s", 12
SHORT, LONG = 3, 4

CANVAS_SECONDS = 0.6e-9  # for a pixel of a WebP, whose canvas is cleared before anything of it is asked
FOURTEEN_BITS = (1 << 14) - 1


class Contents(NamedTuple):
    seconds: float = 0.0
    """What its pieces cost, at most."""
    scans: int = 1
    """How often each pixel of a JPEG is decoded."""


def walk(data: bytes) -> Contents:
    """Raises Undecodable where there are more pieces than any ordinary image has."""
    try:
        if data.startswith(PNG_SIGNATURE):
            return _png(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(b"GIF8"):
            return _gif(data)
        if data[:2] in {b"II", b"MM"}:
            return _tiff(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if is_heif(data):
            return Contents(2 * FORK_SECONDS)  # to read its header, and to decode it
    except (struct.error, IndexError):  # it ends early
        pass
    return Contents()


def _webp(data: bytes) -> Contents:
    """Source: RFC 9649, WebP image format, sections 2.5 to 2.7."""
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & FOURTEEN_BITS), 1 + (bits >> 14 & FOURTEEN_BITS)
    else:
        width, height = (size & FOURTEEN_BITS for size in struct.unpack_from("<HH", data, 26))
    return Contents(CANVAS_SECONDS * width * height)


def is_plain_png(data: bytes) -> bool:
    """Whether these bytes are a small PNG without anything that could take long to decode, seen in microseconds."""
    if not (data.startswith(PNG_SIGNATURE) and len(data) <= MOST_PLAIN_BYTES and data[12:16] == b"IHDR"):
        return False
    try:
        width, height, _, _, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
        at = len(PNG_SIGNATURE)
        for _ in range(MOST_PLAIN_CHUNKS):
            length, kind = struct.unpack_from(">I4s", data, at)
            if kind not in PLAIN_CHUNKS:
                return False
            if kind == b"IEND":
                return not interlaced and width * height <= MOST_PLAIN_PIXELS
            at += 12 + length
    except struct.error:
        pass
    return False


def _png(data: bytes) -> Contents:
    at, seconds = len(PNG_SIGNATURE), 0.0
    for _ in range(MOST_PIECES):
        if at + 8 > len(data):
            return Contents(seconds)
        length, kind = struct.unpack_from(">I4s", data, at)
        seconds += PIECE_SECONDS
        if kind in PNG_TEXTS:
            seconds += min(TEXT_SECONDS * length, MOST_TEXT_SECONDS)
        at += 12 + length
    raise _too_many("chunks", MOST_PIECES)


def _jpeg(data: bytes) -> Contents:
    """Up to the end of the first image: what comes after it is never decoded."""
    at, segments, scans = 2, 0, 0
    while segments < MOST_SEGMENTS:
        found = MARKER.search(data, at)
        if found is None or data[found.start() + 1] == END_OF_IMAGE or scans > MOST_SCANS:
            break
        marker, at = data[found.start() + 1], found.end()
        if marker not in WITHOUT_LENGTH:
            at += struct.unpack_from(">H", data, at)[0]
        segments += 1
        scans += marker == START_OF_SCAN
    else:
        raise _too_many("segments", MOST_SEGMENTS)
    if scans > MOST_SCANS:
        raise Undecodable(f"the JPEG has over {MOST_SCANS} scans, each of which costs a decoding; save it anew")
    return Contents(segments * PIECE_SECONDS, max(scans, 1))


def _gif(data: bytes) -> Contents:
    """Up to the first image."""
    *_, flags = struct.unpack_from("<6sHHB", data)
    at = 13 + _palette_bytes(flags)
    for number in range(MOST_PIECES):
        if data[at] != ord("!"):
            return Contents(number * PIECE_SECONDS)
        at += 2
        for _ in range(MOST_PIECES):
            size = data[at]
            at += 1 + size
            if not size:
                break
        else:
            break
    raise _too_many("blocks", MOST_PIECES)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def _tiff(data: bytes) -> Contents:
    """The first directory's tags, and the strips or tiles that it lists."""
    order = "<" if data[:2] == b"II" else ">"
    version, at = struct.unpack_from(f"{order}HI", data, 2)
    if version != 42:
        raise Undecodable("the TIFF is none of the ordinary kind, but a BigTIFF or another; save it as PNG")
    (tags,) = struct.unpack_from(f"{order}H", data, at)
    if tags > MOST_PIECES:
        raise _too_many("tags", MOST_PIECES)
    seconds, scans = 4 * tags * PIECE_SECONDS, 1
    for number in range(tags):
        tag, kind, count, value = struct.unpack_from(order + TAG, data, at + 2 + TAG_BYTES * number)
        if tag == COMPRESSION:
            compression = struct.unpack(f"{order}{'H2x' if kind == SHORT else 'I'}", value)[0]
            if compression not in READ_COMPRESSIONS:
                raise Undecodable(
                    f"the TIFF is packed in a way (compression {compression}) that is not read; save it "
                    "as PNG, or packed by LZW or Deflate"
                )
            if compression == 7:
                scans += data.count(b"\xff\xda")
        if tag in STRIP_COUNTS:
            seconds += STRIP_SECONDS * count
    return Contents(seconds, scans)


def _too_many(what: str, most: int) -> Undecodable:
    return Undecodable(
        f"the image is made of over {most:,} {what} besides its pixels, or in place of them; save it anew"
    )
