"""The files of a ZIP archive, each unpacked when it is asked for.

Source: PKWARE, APPNOTE.TXT 6.3 (4.3.7, local file header). zipfile reads the directory; what it says is
believed only as far as the archive's own bytes bear it out: files that share bytes would unpack to gigabytes.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from app.budget import Budget
from app.errors import BatchTooLarge, ServiceError, TooLarge, Undecodable

DIRECTORY_ENTRY = b"PK\x01\x02"
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and of what follows it
ENCRYPTED = 0x1  # among an entry's flags
LONGER = 1024  # bytes that a file may be packed to, beside twice its own
MOST_LITTER = 2  # files in a directory for each that may count
ENTRY_SECONDS, BYTE_SECONDS = 50e-6, 5e-9  # of work, for each entry and each byte that is unpacked


class File(NamedTuple):
    name: str
    content: bytes | ServiceError


def files(body: bytes, budget: Budget, *, most: int, most_bytes: int, most_unpacked: int) -> Iterator[File]:
    """Every file but litter, in the directory's order; one that cannot be unpacked is an error.

    At most `most` files of `most_bytes` each, and `most_unpacked` bytes together. Raises Undecodable where the archive
    as a whole is broken, BatchTooLarge, TooLarge, TooMuchWork.
    """
    entries = [entry for entry in _directory(body, budget, most) if not is_litter(entry)]
    if len(entries) > most:
        raise BatchTooLarge(f"a batch holds at most {most:,} images; {len(entries):,} came. Send several batches.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > most_unpacked:
        raise TooLarge(f"the archive unpacks to {unpacked:,} bytes; at most {most_unpacked:,} are unpacked")
    budget.charge(unpacked * BYTE_SECONDS, "unpacking {:,} bytes", unpacked)
    source = io.BytesIO(body)
    return (File(entry.filename, guarded(source, entry, most_bytes)) for entry in entries)


def entries_of(source: BinaryIO) -> list[zipfile.ZipInfo]:
    """What the directory of an archive lists, each with bytes of its own. Raises Undecodable."""
    try:
        archive = zipfile.ZipFile(source)
        _check_apart(archive)
    except ServiceError:
        raise
    except Exception as error:  # zipfile lets struct.error and others through on hostile bytes
        raise Undecodable(f"the body is no ZIP archive ({error})") from error
    return archive.infolist()


def _directory(body: bytes, budget: Budget, most: int) -> list[zipfile.ZipInfo]:
    entries = body.count(DIRECTORY_ENTRY)  # no fewer than there are, whatever the archive says itself
    if entries > MOST_LITTER * most + 100:
        raise BatchTooLarge(f"a batch holds at most {most:,} images; the archive lists some {entries:,} files")
    budget.charge(entries * ENTRY_SECONDS, "reading an archive's list of some {:,} files", entries)
    return entries_of(io.BytesIO(body))


def _check_apart(archive: zipfile.ZipFile) -> None:
    """Raises Undecodable where two files share bytes: no program writes such archives, but those who want to harm."""
    end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Undecodable(f"files of the archive overlap ({entry.filename[:100]!r} and another); pack it anew")
        end = entry.header_offset + LOCAL_HEADER.size + entry.compress_size
    if end > archive.start_dir:
        raise Undecodable("files of the archive overlap its directory; pack it anew")


def guarded(source: BinaryIO, entry: zipfile.ZipInfo, most_bytes: int) -> bytes | ServiceError:
    """One file of the archive, or why it cannot be unpacked."""
    try:
        return _unpacked(source, entry, most_bytes)
    except ServiceError as error:
        return error.bare()


def _unpacked(source: BinaryIO, entry: zipfile.ZipInfo, most_bytes: int) -> bytes:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Undecodable("this file of the archive is packed by a rare method; pack with deflate, as ZIP does")
    if entry.flag_bits & ENCRYPTED:
        raise Undecodable("this file of the archive needs a password; pack it without")
    if entry.file_size > most_bytes:
        raise TooLarge(f"this file unpacks to {entry.file_size:,} bytes; a file holds at most {most_bytes:,}")
    content = _content(source, entry)
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise Undecodable("this file of the archive is broken (wrong length or checksum); pack it anew")
    return content


def _content(source: BinaryIO, entry: zipfile.ZipInfo) -> bytes:
    """zipfile's own reading copies all that it has unpacked for every 4 KB that follow."""
    try:
        source.seek(entry.header_offset)
        signature, name, extra = LOCAL_HEADER.unpack(source.read(LOCAL_HEADER.size))
        source.seek(name + extra, io.SEEK_CUR)
        packed = source.read(min(entry.compress_size, 2 * entry.file_size + LONGER))
        if signature != b"PK\x03\x04":
            raise ValueError("it does not begin where the directory says")
        if entry.compress_type == zipfile.ZIP_STORED:
            return packed
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.file_size + 1)
    except (struct.error, zlib.error, ValueError) as error:
        raise Undecodable(f"this file of the archive cannot be unpacked ({error}); pack it anew") from error


def is_litter(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and editors leave in archives."""
    return entry.is_dir() or entry.filename.startswith("__MACOSX/") or entry.filename.rsplit("/", 1)[-1].startswith(".")
