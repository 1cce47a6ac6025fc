"""JSON batches cut into their elements: as a whole parser reads them, and at little cost whatever they hold."""

import json
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest
from app.http.v1.json_items import Elements

MEGABYTES = 4_000_000
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(
    field=st.sampled_from(["pixels", "images"]),
    elements=st.lists(values, max_size=6),
    indent=st.sampled_from([None, 0, 2]),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:")]),
)
def test_elements_are_what_a_parser_of_the_whole_reads(
    field: str, elements: list[Any], indent: int | None, separators: tuple[str, str]
) -> None:
    body = json.dumps({field: elements}, indent=indent, separators=separators).encode()
    cut = Elements(body)
    assert cut.field == field
    assert list(cut) == elements


@given(elements=st.lists(values, max_size=4), place=st.integers(0, 200), other=st.sampled_from(b'"[]{},: 1a\\'))
def test_what_a_parser_refuses_is_refused(elements: list[Any], place: int, other: int) -> None:
    body = bytearray(json.dumps({"pixels": elements}).encode())
    body[place % len(body)] = other
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    try:
        cut = list(Elements(bytes(body)))
    except BadRequest:
        return  # all that is not {"pixels": [...]} may be refused
    assert document is not None
    assert list(document.values()) == [cut]


def test_frames_of_all_layouts() -> None:
    frames = np.arange(2 * 784).reshape(2, 28, 28).tolist()
    for layout in (json.dumps({"pixels": frames}), json.dumps({"pixels": frames}, indent=1)):
        assert list(Elements(layout.encode())) == frames


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"pixels":[' + b"{}," * (MEGABYTES // 3),
        b'{"pixels":[' + b"[]," * (MEGABYTES // 3),
        b'{"pixels":[' + b"[" * MEGABYTES,
        b'{"pixels":[[[' + b"0," * (MEGABYTES // 2),
        b'{"pixels":[' + b'["' + b"]]" * (MEGABYTES // 2),
        b'{"images":["' + b"\\" * MEGABYTES,
        b'{"images":[' + b'"",' * (MEGABYTES // 3),
        b'{"images":[' + b" " * MEGABYTES,
        b'{"' + b"a" * MEGABYTES,
    ],
)
def test_a_hostile_text_takes_neither_time_nor_memory(hostile: bytes) -> None:
    """Of which a caller looks at some thousand elements at most."""
    tracemalloc.start()
    started = time.process_time()
    try:
        for _, _ in zip(Elements(hostile), range(10_000), strict=False):
            pass
    except BadRequest:
        pass
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1.0
    assert peak < 3 * MEGABYTES
