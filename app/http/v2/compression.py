"""Content-Encoding both ways, with a bound on what is unpacked. Source: RFC 9110, 8.4; RFC 1950 and 1952."""

import zlib

from app.budget import allowed_seconds
from app.errors import BadRequest, TooLarge, UnsupportedMediaType

GZIP_OR_ZLIB, GZIP, ZLIB = 47, 31, 15  # zlib's windowBits: of either when reading, and of each when writing
CODINGS = {"gzip": GZIP, "deflate": ZLIB}
LEVEL = 1  # tensors hardly pack better at others
BYTE_SECONDS = 100e-9  # of what is unpacked: to read it as JSON or run it through a small model, and write the answer
WORTH = 1024  # bytes of an answer that are worth packing


def most_unpacked(size: int) -> int:
    """Bytes that a packed body of that size may unpack to, so that the work on them keeps to its budget."""
    return int(allowed_seconds(size, many=True) / BYTE_SECONDS)


def unpack(body: bytes, coding: str, most: int) -> bytes:
    """Raises UnsupportedMediaType, BadRequest, TooLarge where it unpacks to more than `most` bytes."""
    if coding not in CODINGS:
        raise UnsupportedMediaType(f"Content-Encoding may be {' or '.join(CODINGS)}; got {coding[:40]!r}")
    unpacking = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        content = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise BadRequest(f"the body is not packed as its Content-Encoding says ({error})") from error
    if len(content) > most:
        raise TooLarge(
            f"the body unpacks to more than {most:,} bytes, which is what one of that size may; send less at a time, "
            "or send it as it is"
        )
    if not unpacking.eof or unpacking.unused_data:
        raise BadRequest("the packed body ends early, or more follows it")
    return content


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
