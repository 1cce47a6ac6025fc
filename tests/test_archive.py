"""ZIP archives: unpacked one file at a time, and refused where their files share bytes."""

import io
import struct
import zipfile
import zlib

import pytest

from app.archive import files
from app.budget import Budget
from app.errors import BatchTooLarge, ServiceError, TooLarge, TooMuchWork, Undecodable

BOUNDS = {"most": 1000, "most_bytes": 1_000_000, "most_unpacked": 100_000_000}
PLENTY = 100.0  # seconds


def zipped(contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def sharing(copies: int, content: bytes) -> bytes:
    """An archive whose directory lists one payload under many names."""
    once = zipped({"0.png": content})
    directory, end = once.index(b"PK\x01\x02"), once.index(b"PK\x05\x06")
    entries = once[directory:end] * copies
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(entries), directory, 0)
    return once[:directory] + entries + tail


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_in_order_without_litter(method: int) -> None:
    contents = {"a/": b"", "a/1.png": b"one" * 1000, "__MACOSX/x": b"x", ".DS_Store": b"x", "2.png": b""}
    found = list(files(zipped(contents, method), Budget(PLENTY), **BOUNDS))
    assert [tuple(one) for one in found] == [("a/1.png", b"one" * 1000), ("2.png", b"")]


@pytest.mark.parametrize("copies", [2, 1000])
def test_files_that_share_their_bytes_are_refused(copies: int) -> None:
    with pytest.raises(Undecodable, match="overlap"):
        list(files(sharing(copies, bytes(100_000)), Budget(PLENTY), **BOUNDS))


def test_a_directory_that_lies_in_a_file_is_refused() -> None:
    body = zipped({"1.png": b"x" * 50}, zipfile.ZIP_STORED)
    body = body.replace(struct.pack("<2L", 50, 50), struct.pack("<2L", 90, 50))
    with pytest.raises(Undecodable, match="overlap its directory"):
        list(files(body, Budget(PLENTY), **BOUNDS))


def test_nothing_is_unpacked_before_it_is_asked_for() -> None:
    body = zipped({str(n): bytes(900_000) for n in range(100)})
    found = files(body, Budget(PLENTY), **BOUNDS)
    first = next(found)
    assert first.content == bytes(900_000)


def test_what_unpacks_to_more_than_may_be_is_refused_before() -> None:
    body = zipped({str(n): bytes(900_000) for n in range(100)})
    with pytest.raises(TooMuchWork, match="unpacking 90,000,000 bytes"):
        files(body, Budget(0.1), **BOUNDS)
    with pytest.raises(TooLarge, match="90,000,000"):
        files(body, Budget(PLENTY), **BOUNDS | {"most_unpacked": 80_000_000})
    with pytest.raises(BatchTooLarge, match="at most 99"):
        files(body, Budget(PLENTY), **BOUNDS | {"most": 99})


def test_a_directory_of_very_many_files_is_not_read() -> None:
    with pytest.raises(BatchTooLarge, match="some 50,000"):
        files(sharing(50_000, b"x"), Budget(PLENTY), **BOUNDS)


def wrong_checksum() -> bytes:
    return zipped({"1": b"abc"}).replace(struct.pack("<L", zlib.crc32(b"abc")), bytes(4))


def encrypted() -> bytes:
    return zipped({"1": b"abc"}).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")


def promising_less() -> bytes:
    """A directory that says a file holds fewer bytes than it unpacks to."""
    body = zipped({"1": bytes(100_000)})
    return body.replace(struct.pack("<L", 100_000), struct.pack("<L", 10))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (wrong_checksum(), "checksum"),
        (encrypted(), "password"),
        (promising_less(), "wrong length"),
        (zipped({"1": b"abc"}, zipfile.ZIP_LZMA), "rare method"),
        (zipped({"1": bytes(1_000_001)}), "a file holds at most 1,000,000"),
    ],
)
def test_a_file_that_cannot_be_unpacked_is_an_error_of_its_own(body: bytes, reason: str) -> None:
    (one,) = files(body, Budget(PLENTY), **BOUNDS)
    assert isinstance(one.content, ServiceError)
    assert reason in one.content.detail
