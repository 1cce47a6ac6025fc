"""Messages -> named tensors, and back."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, WrongShape
from app.grpc import codec
from app.grpc.codec import SMALL, ModelInferRequest, ModelInferResponse
from app.inference.contract import Tensor
from app.inference.datatypes import BY_NAME, DATATYPES, Datatype
from app.serving.tensors import Output


def asked(datatype: str = "FP32", shape: list[int] | None = None, raw: bytes | None = None) -> ModelInferRequest:
    request = ModelInferRequest(model_name="m", model_version="3", id="mine")
    request.inputs.add(name="x", datatype=datatype, shape=[2] if shape is None else shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return request


def test_raw_tensors() -> None:
    found = codec.read(asked(raw=np.array([1, 2], np.float32).tobytes()).SerializeToString())
    assert found[:3] == ("m", "3", "mine")
    assert found.request.inputs["x"].tolist() == [1, 2]


@pytest.mark.parametrize("one", [one for one in DATATYPES if one.name in codec.CONTENTS], ids=lambda one: one.name)
def test_tensors_as_contents(one: Datatype) -> None:
    values: list[bytes] | list[int] = [b"a", b""] if one.name == "BYTES" else [1, 0]
    request = asked(one.name)
    getattr(request.inputs[0].contents, codec.CONTENTS[one.name]).extend(values)
    found = codec.read(request.SerializeToString()).request.inputs["x"]
    assert (found.tolist(), found.dtype) == (values, one.numpy)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (asked("FP32", [2], bytes(7)), WrongShape, "2 elements of FP32 take 8 bytes; 7 came"),
        (asked("FP32", [-2], bytes(8)), WrongShape, "a shape is a list"),
        (asked("FP32", [1] * 17, bytes(4)), WrongShape, "up to 16"),
        (asked("FP32", [2**31 - 1] * 16, bytes(4)), WrongShape, "elements of FP32"),
        (asked("FP33", [2], bytes(8)), BadRequest, "a datatype is one of"),
        (asked("FP16", [2]), BadRequest, "raw_input_contents alone"),
        (asked("FP32", [2]), WrongShape, "2 elements; 0 came"),
        (asked("BYTES", [10**6], bytes(8)), WrongShape, "at most 50,000 elements"),
    ],
    ids=str,
)
def test_what_is_refused(request_: ModelInferRequest, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        codec.read(request_.SerializeToString())


def test_numbers_that_do_not_fit() -> None:
    request = asked("UINT8", [1])
    request.inputs[0].contents.uint_contents.append(256)
    with pytest.raises(WrongShape, match="does not fit into UINT8"):
        codec.read(request.SerializeToString())


def test_shared_memory_is_declined() -> None:
    request = asked(raw=bytes(8))
    request.inputs[0].parameters["shared_memory_region"].string_param = "mine"
    with pytest.raises(BadRequest, match="shared memory is not offered"):
        codec.read(request.SerializeToString())


def test_inputs_that_came_twice_or_without_their_bytes() -> None:
    request = asked(raw=bytes(8))
    request.inputs.add(name="x", datatype="FP32", shape=[2])
    with pytest.raises(BadRequest, match="2 inputs came with 1 raw_input_contents"):
        codec.read(request.SerializeToString())
    request.raw_input_contents.append(bytes(8))
    with pytest.raises(BadRequest, match="came twice"):
        codec.read(request.SerializeToString())


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    with suppress(BadRequest, WrongShape):
        codec.read(content)


@given(st.binary(max_size=64), st.integers(0, 3))
@settings(deadline=None)
def test_whether_a_message_is_light_can_be_said_of_anything(start: bytes, times: int) -> None:
    assert codec.is_light(start)
    codec.is_light(start + bytes(SMALL * times))


def test_light_and_heavy_messages() -> None:
    assert codec.is_light(asked("UINT8", [10**6], bytes(10**6)).SerializeToString())
    numbers = asked("FP32", [10**5])
    numbers.inputs[0].contents.fp32_contents.extend([1.0] * 10**5)
    assert not codec.is_light(numbers.SerializeToString())
    assert not codec.is_light(asked("BYTES", [25_000], bytes(10**5)).SerializeToString())
    many = ModelInferRequest(raw_input_contents=[bytes(1024)] * 1000)
    assert not codec.is_light(many.SerializeToString())


def test_answers() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    output = Output(Tensor("y", BY_NAME["FP32"], (-1, 3)), values)
    texts = Output(Tensor("t", BY_NAME["BYTES"], (-1,)), np.array(["a", "bc"], np.object_))
    answer = ModelInferResponse.FromString(codec.write({"name": "m", "version": "3"}, "mine", [output, texts]))
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "3", "mine")
    assert [(one.name, one.datatype, list(one.shape)) for one in answer.outputs] == [
        ("y", "FP32", [2, 3]),
        ("t", "BYTES", [2]),
    ]
    assert answer.raw_output_contents[:] == [values.tobytes(), b"\x01\x00\x00\x00a\x02\x00\x00\x00bc"]
