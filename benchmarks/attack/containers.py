"""Pixels -> the bytes of every image format that the service takes, written in the ways that cost a reader most.

Pillow writes what it can; what it would never write (interlaced PNG, JPEG of a hundred scans, TIFF of ten thousand
strips) is put together here.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.attack.documents import HEIC_TRICKS, PDF_TRICKS, heic, pdf

Grey = NDArray[np.uint8]
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
COLOUR_TYPES = {
    "1": (0, 1, 1),
    "L": (0, 1, 8),
    "I;16": (0, 1, 16),
    "LA": (4, 2, 8),
    "RGB": (2, 3, 8),
    "RGBA": (6, 4, 8),
}
COLOUR_TYPES |= {"P": (3, 1, 1), "P8": (3, 1, 8)}
MODES = tuple(COLOUR_TYPES)
LEAST_BLOCKS_A_RUN, MOST_BLOCKS_A_RUN = 16_384, 32_767  # of a JPEG's longest kind of end-of-band run


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def image_of(grey: Grey, mode: str) -> Image.Image:
    image = Image.fromarray(grey)
    return image.convert({"P8": "P", "I;16": "L"}.get(mode, mode)) if mode != "L" else image


def png(grey: Grey, mode: str, trick: str, pieces: int, effort: int) -> bytes:
    """`pieces`: IDAT or other chunks. Filters such as Paeth's make another picture of the pixels: that is fine."""
    colour, channels, depth = COLOUR_TYPES[mode]
    interlaced = trick == "interlaced"
    filtering = {"paeth": 4, "average": 3}.get(trick, 0)
    parts = [grey[down::every_down, right::every_right] for down, right, every_down, every_right in ADAM7]
    rows = b"".join(_scanlines(part, channels, depth, filtering) for part in (parts if interlaced else [grey]))
    data = zlib.compress(rows, min(9, effort // 10))
    height, width = grey.shape
    if trick == "longer":  # than there are rows
        height *= 1 + pieces
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))]
    if colour == 3:
        chunks.append(_chunk(b"PLTE", bytes(range(256)) * 3 if depth == 8 else b"\0\0\0\xff\xff\xff"))
    if trick == "texts":
        chunks += [_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * max(1, pieces // 100)
    if trick == "chunks":
        chunks += [_chunk(b"tEXt", b"a\0b")] * pieces
    step = -(-len(data) // pieces) if trick == "many IDAT" else len(data)
    chunks += [_chunk(b"IDAT", data[at : at + step]) for at in range(0, len(data), step)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _scanlines(grey: Grey, channels: int, depth: int, filtering: int) -> bytes:
    height = len(grey)
    if not grey.size:
        return b""
    packed = np.packbits(grey > 127, axis=1) if depth == 1 else np.repeat(grey, channels * depth // 8, axis=1)
    return np.hstack([np.full((height, 1), filtering, np.uint8), packed]).tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(grey: Grey, mode: str, trick: str, pieces: int, effort: int) -> bytes:
    if trick == "scans":
        return scans(grey.shape[1], grey.shape[0], pieces)
    image = image_of(grey, "RGB" if mode.startswith(("RGB", "P")) else "L")
    options: dict[str, Any] = {"quality": max(1, min(100, effort))}
    if trick == "restarts":
        options["restart_marker_blocks"] = max(1, pieces)
    return saved(image, "JPEG", progressive=trick == "progressive", subsampling=effort % 3, **options)


def scans(width: int, height: int, count: int, *, with_means: bool = False) -> bytes:
    """A progressive grey JPEG of `count` scans that say, in runs, that nothing changes. Source: ITU-T T.81, annex G.

    `with_means` begins with two scans of every block's mean, as a careful reader expects: a bit for each block.
    """
    tables = _marker(0xDB, bytes(1) + bytes([1]) * 64)
    frame = _marker(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
    means = _marker(0xC4, b"\0" + bytes([1]) + bytes(15) + b"\0")  # one code, "0": no difference
    runs = _marker(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\xe0")  # one code, "0": a run, its length in 14 bits
    blocks = -(-width // 8) * -(-height // 8)
    whole, rest = divmod(blocks, MOST_BLOCKS_A_RUN)
    lengths = [MOST_BLOCKS_A_RUN] * whole + [rest] * (rest >= LEAST_BLOCKS_A_RUN)  # what is left out reads as nothing
    bits = "".join(f"0{length - LEAST_BLOCKS_A_RUN:014b}" for length in lengths)
    nothing = _stuffed(bits)
    bit_each = bytes(-(-blocks // 8))
    first = _scan(0, 0, 0x01) + bit_each + _scan(0, 0, 0x10) + bit_each if with_means else b""
    return b"\xff\xd8" + tables + frame + means + runs + first + (_scan(1, 63, 0) + nothing) * count + b"\xff\xd9"


def _scan(first: int, last: int, precision: int) -> bytes:
    return _marker(0xDA, bytes([1, 1, 0, first, last, precision]))


def _stuffed(bits: str) -> bytes:
    padded = bits + "1" * (-len(bits) % 8)
    data = int("1" + padded, 2).to_bytes(len(padded) // 8 + 1, "big")[1:]
    return data.replace(b"\xff", b"\xff\0")


def _marker(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def gif(grey: Grey, mode: str, trick: str, pieces: int, _: int) -> bytes:
    image = image_of(grey, mode if mode in ("1", "P", "P8") else "L")
    if trick == "frames":
        return saved(image, "GIF", save_all=True, append_images=[_turned(image), image] * min(50, pieces))
    return saved(image, "GIF", interlace=trick == "interlaced")


def _turned(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


SOON_WRITTEN = 500_000  # pixels; more take WebP's writer seconds


def webp(grey: Grey, mode: str, trick: str, pieces: int, effort: int) -> bytes:
    image = image_of(grey, mode if mode in ("RGB", "RGBA") else "RGB")
    if grey.size > 4 * SOON_WRITTEN and grey.min() != grey.max():
        raise ValueError("too large to write")
    lossless = trick != "lossy" or grey.size > SOON_WRITTEN
    if trick == "frames" and grey.size < SOON_WRITTEN:
        others = [_turned(image), image] * min(9, pieces)
        return saved(image, "WEBP", save_all=True, append_images=others, lossless=True)
    return saved(image, "WEBP", lossless=lossless, quality=0 if lossless else effort, method=0)


def bmp(grey: Grey, mode: str, trick: str, _: int, __: int) -> bytes:
    if trick != "runs":
        return saved(image_of(grey, mode if mode in ("1", "P8", "RGB") else "L").convert("RGB"), "BMP")
    height, width = grey.shape
    row = b"".join(bytes([min(255, width - at), 255 * (at // 255 % 2)]) for at in range(0, width, 255)) + b"\0\0"
    palette = bytes(range(256)) * 4
    data: bytes = row * height + b"\0\1"
    start = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0) + palette + data


TIFF_METHODS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4")


def tiff(grey: Grey, mode: str, trick: str, pieces: int, _: int) -> bytes:
    """`pieces`: strips that share their bytes, or entries that nobody reads."""
    if trick == "strips":
        return strips(grey.shape[1], max(1, pieces))
    if trick == "entries":
        return _directory(
            [(273, 4, 1, 8), *((65_000 + at % 500, 3, 1, 0) for at in range(pieces))], grey.tobytes(), grey.shape
        )
    if trick == "pages":
        image = image_of(grey, "L")
        return saved(image, "TIFF", save_all=True, append_images=[image] * min(100, pieces), compression="packbits")
    picture = image_of(grey, "1" if trick.startswith("group") else "L" if trick == "jpeg" else mode)
    return saved(picture.convert("RGB") if picture.mode == "P" else picture, "TIFF", compression=trick)


def strips(width: int, count: int) -> bytes:
    """A TIFF of as many rows as strips, all of the same bytes."""
    data = bytes(width)
    offsets, sizes = struct.pack(f"<{count}I", *[8] * count), struct.pack(f"<{count}H", *[width] * count)
    place = 8 + len(data)
    tags = [(273, 4, count, place), (278, 4, 1, 1), (279, 3, count, place + len(offsets))]
    return _directory(tags, data + offsets + sizes, (count, width))


def _directory(tags: list[tuple[int, int, int, int]], data: bytes, shape: tuple[int, ...]) -> bytes:
    height, width = shape
    usual = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries = sorted([*usual, *tags])
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(entries)) + packed + bytes(4)


WRITERS = {"png": png, "jpeg": jpeg, "gif": gif, "webp": webp, "bmp": bmp, "tiff": tiff, "heic": heic, "pdf": pdf}
TRICKS = {
    "png": ("plain", "interlaced", "paeth", "average", "longer", "texts", "chunks", "many IDAT"),
    "jpeg": ("baseline", "progressive", "restarts", "scans"),
    "gif": ("plain", "interlaced", "frames"),
    "webp": ("lossy", "lossless", "frames"),
    "bmp": ("plain", "runs"),
    "tiff": (*TIFF_METHODS, "strips", "entries", "pages"),
    "heic": HEIC_TRICKS,
    "pdf": tuple(PDF_TRICKS),
}
