"""Forms: read as the library of others reads them, and in time that grows with their bytes alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from app.errors import BadRequest, BatchTooLarge, ServiceError
from app.http.v1.multipart import parse

TYPE = "multipart/form-data; boundary=x"


def form(*contents: bytes, name: str = "files", boundary: bytes = b"x") -> bytes:
    head = f'\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    parts = b"".join(b"--" + boundary + head.encode() + content + b"\r\n" for content in contents)
    return parts + b"--" + boundary + b"--\r\n"


def read_by_the_library(body: bytes) -> list[bytes]:
    read: list[bytearray] = []
    parser = MultipartParser(
        b"x",
        {
            "on_part_begin": lambda: read.append(bytearray()),
            "on_part_data": lambda data, start, end: read[-1].extend(data[start:end]),
        },
    )
    parser.write(body)
    parser.finalize()
    return [bytes(one) for one in read]


contents_of_parts = st.binary(max_size=40) | st.sampled_from([b"\r\n--", b"\r\n-", b"--", b"\r\n\r\n", b"\r", b"x"])


@given(st.lists(contents_of_parts.filter(lambda content: b"--x" not in content), max_size=5))
def test_parts_are_what_the_library_reads(contents: list[bytes]) -> None:
    body = form(*contents)
    assert [part.data for part in parse(TYPE, body, most=5)] == read_by_the_library(body) == contents


def test_names_and_types() -> None:
    (part,) = parse(TYPE, form(b"abc"), most=1)
    assert (part.field, part.filename, part.media_type, part.data) == ("files", "a.png", "image/png", b"abc")


def test_a_preamble_blanks_after_a_boundary_and_an_epilogue_are_passed_over() -> None:
    body = b"preamble\r\n" + form(b"abc").replace(b"--x\r\n", b"--x \t\r\n") + b"epilogue"
    assert [part.data for part in parse(TYPE, body, most=1)] == [b"abc"]


def test_a_part_without_headers() -> None:
    (part,) = parse(TYPE, b"--x\r\n\r\nabc\r\n--x--", most=1)
    assert (part.field, part.data) == ("", b"abc")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "closing boundary"),
        (b"--x", "no line ends"),
        (b"--xyz\r\n\r\nabc\r\n--x--", "no line ends"),
        (b"--x\r\n\r\nabc", "closing boundary"),
        (b"--x\r\nno header\r\n\r\nabc\r\n--x--", "without a colon"),
        (b"--x\r\nA: " + b"b" * 5000 + b"\r\n\r\nabc\r\n--x--", "do not end"),
    ],
)
def test_what_is_no_form(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        list(parse(TYPE, body, most=5))


def test_too_many_parts_are_refused_when_one_more_begins() -> None:
    with pytest.raises(BatchTooLarge, match="at most 2"):
        list(parse(TYPE, form(b"1", b"2", b"3"), most=2))


@pytest.mark.parametrize("unit", [b"\r\n--", b"\r\n--x", b"\r", b"-", b"\r\n--x\r\n\r\n", b"\r\n--x\r\na:"])
def test_a_hostile_form_takes_little_time(unit: bytes) -> None:
    body = b"--x\r\n\r\n" + unit * (4_000_000 // len(unit))
    started = time.process_time()
    with pytest.raises(ServiceError):
        list(parse(TYPE, body, most=10_000))
    assert time.process_time() - started < 1.0
