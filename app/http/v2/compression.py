"""Content-Encoding both ways. Source: RFC 9110, 8.4."""

import zlib

from app.errors import UnsupportedMediaType
from app.serving import unpacking

CODINGS = {"gzip": 31, "deflate": 15}  # and zlib's windowBits to write them
LEVEL = 1  # tensors hardly pack better at others
WORTH = 1024  # bytes of an answer that are worth packing


def unpack(body: bytes, coding: str, most: int) -> bytes:
    """Raises UnsupportedMediaType, BadRequest, TooLarge where it unpacks to more than `most` bytes."""
    if coding not in CODINGS:
        raise UnsupportedMediaType(f"Content-Encoding may be {' or '.join(CODINGS)}; got {coding[:40]!r}")
    return unpacking.unpack(body, most)


def pack(body: bytes, coding: str) -> bytes:
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, CODINGS[coding])
    return packing.compress(body) + packing.flush()


def wanted(accept_encoding: str) -> str | None:
    """The first coding of an Accept-Encoding header that is known here and not refused."""
    for one in accept_encoding.lower().split(","):
        coding, _, quality = one.partition(";")
        if coding.strip() in CODINGS and quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            return coding.strip()
    return None
