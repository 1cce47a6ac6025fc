"""What came packed, with a bound on what it unpacks to. Source: RFC 1950 and 1952."""

import zlib

from app.budget import allowed_seconds
from app.errors import BadRequest, TooLarge

GZIP_OR_ZLIB = 47  # zlib's windowBits
BYTE_SECONDS = 100e-9  # of what is unpacked: to read it as JSON or run it through a small model, and write the answer


def most_unpacked(size: int) -> int:
    """Bytes that a packed body of that size may unpack to, so that the work on them keeps to its budget."""
    return int(allowed_seconds(size, many=True) / BYTE_SECONDS)


def unpack(body: bytes, most: int) -> bytes:
    """Raises BadRequest, and TooLarge where it unpacks to more than `most` bytes."""
    unpacking = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        content = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise BadRequest(f"the body is not packed as it says ({error})") from error
    if len(content) > most:
        raise TooLarge(
            f"the body unpacks to more than {most:,} bytes, which is what one of that size may; send less at a time, "
            "or send it as it is"
        )
    if not unpacking.eof or unpacking.unused_data:
        raise BadRequest("the packed body ends early, or more follows it")
    return content
