"""What the first bytes of an image say that it is. Long enough that no 28x28 frame of shades begins so by accident."""

import struct

PNG, GIFS, TIFFS = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
JPEG, JPEG_MARKERS = b"\xff\xd8\xff", frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})
BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})  # bytes, of its second header's kinds
BMP_START = struct.Struct("<2s4xI4xI")  # signature, what is 0, bytes of the second header
PDF = b"%PDF-"
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})  # of still pictures
FIRST_BYTES = frozenset(b"\0\x89\xffGIMRB%")


def media_type_of(data: bytes) -> str:
    """Of an image in one of the formats that are decoded, some with an extra alone; "" of anything else."""
    if data.startswith(b"\0"):  # as most raw pixels do, of which each is asked this
        return "image/heic" if is_heif(data) else ""
    if data.startswith(PNG):
        return "image/png"
    if data.startswith(JPEG):
        return "image/jpeg" if data[3:4] and data[3] in JPEG_MARKERS else ""
    if data.startswith(GIFS):
        return "image/gif"
    if data.startswith(TIFFS):
        return "image/tiff"
    if data.startswith(b"RIFF"):
        return "image/webp" if data[8:12] == b"WEBP" else ""
    if data.startswith(PDF):
        return "application/pdf"
    return "image/bmp" if _begins_a_bmp(data) else ""


def is_heif(data: bytes) -> bool:
    """Source: ISO/IEC 23008-12, which says what brands a file's first box may name."""
    return data.startswith(b"ftyp", 4) and data[8:12] in HEIF_BRANDS


def _begins_a_bmp(data: bytes) -> bool:
    if len(data) < BMP_START.size:
        return False
    signature, reserved, header = BMP_START.unpack_from(data)
    return signature == b"BM" and not reserved and header in BMP_HEADERS
