"""What a body is: by its Content-Type, or, where that says nothing, by its first bytes."""

from functools import lru_cache

from app.imaging import signatures

RAW, NPY, JSON = "application/octet-stream", "application/x-npy", "application/json"
FORM, ZIP, PDF = "multipart/form-data", "application/zip", "application/pdf"
LONG = 200  # characters of a Content-Type that are not remembered any more
# What says nothing of a body: then its first bytes do. curl writes the second by itself.
UNTYPED = frozenset({"", "application/x-www-form-urlencoded", RAW})
SIGNATURES = {b"PK\x03\x04": ZIP, b"PK\x05\x06": ZIP, b"\x93NUM": NPY}
FIRST_BYTES = signatures.FIRST_BYTES.union(start[:1] for start in SIGNATURES)
ALIASES = {"image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp", "application/x-zip-compressed": ZIP}


def media_type_of(content_type: str, body: bytes) -> str:
    """What a body is: as its Content-Type says, or where that says nothing, as its first bytes do."""
    media_type = _remembered(content_type) if len(content_type) < LONG else _plain(content_type)
    return (recognised(body) or media_type) if media_type in UNTYPED else media_type


def recognised(content: bytes) -> str:
    """By its first bytes; "" where those say nothing, as those of raw pixels."""
    first = content[:1]
    if first == b"\0":  # as most raw pixels begin, of which each is asked this
        return signatures.media_type_of(content) if content[4:8] == b"ftyp" else ""
    if first not in FIRST_BYTES:
        return ""
    return signatures.media_type_of(content) or SIGNATURES.get(content[:4], "")


def _plain(content_type: str) -> str:
    plain = content_type.partition(";")[0].strip().lower()
    return ALIASES.get(plain, plain)


_remembered = lru_cache(_plain)
