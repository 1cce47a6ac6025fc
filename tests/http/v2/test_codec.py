"""JSON and bytes -> named tensors: what is remembered of one request changes no other."""

import numpy as np
import orjson
import pytest

from app.errors import BadRequest, WrongShape
from app.http.v2 import codec

HEADING = orjson.dumps(
    {
        "inputs": [
            {"name": "a", "datatype": "UINT8", "shape": [2], "parameters": {"binary_data_size": 2}},
            {"name": "b", "datatype": "INT32", "shape": [2, 1], "data": [[7], [8]]},
        ],
        "outputs": [{"name": "y", "parameters": {"binary_data": True, "classification": 2}}],
    }
)


def test_a_heading_that_comes_again_is_of_the_bytes_behind_it() -> None:
    first, second = (codec.read(HEADING + data, len(HEADING)) for data in (b"\1\2", b"\3\4"))
    assert first.request.inputs["a"].tolist() == [1, 2]
    assert second.request.inputs["a"].tolist() == [3, 4]
    first.request.inputs["b"][:] = 0
    first.request.inputs.clear()
    third = codec.read(HEADING + b"\5\6", len(HEADING)).request.inputs
    assert np.array_equal(third["b"], [[7], [8]])
    assert third["a"].tolist() == [5, 6]


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\2\3"])
def test_what_follows_a_known_heading_is_measured(data: bytes) -> None:
    codec.read(HEADING + b"\1\2", len(HEADING))
    with pytest.raises(WrongShape, match=r"said to have 2 bytes|bytes follow"):
        codec.read(HEADING + data, len(HEADING))


@pytest.mark.parametrize("header_bytes", [0, len(HEADING) + 3])
def test_a_heading_is_no_longer_than_its_body(header_bytes: int) -> None:
    with pytest.raises(BadRequest, match="Inference-Header-Content-Length"):
        codec.read(HEADING + b"\1\2", header_bytes)
