"""Messages of an inference -> named tensors, and back. Source: Open Inference Protocol 2.0 over gRPC."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from app.errors import BadRequest, WrongShape
from app.grpc.messages import message
from app.inference import elements
from app.inference.datatypes import BYTES, Datatype, datatype_named
from app.serving.tensors import Array, InferenceRequest, InferenceResult, Reference, Wanted

SMALL = 65_536  # bytes that are parsed on the event loop, whatever they are
FEW = 64  # fields of a larger message that is
RAW_INPUT_CONTENTS = 7  # the field's number
LENGTH_DELIMITED = 2  # source: Protocol Buffers, "Encoding": the wire type of texts, bytes and messages
CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(["INT8", "INT16", "INT32"], "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(["UINT8", "UINT16", "UINT32"], "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
ModelInferRequest, ModelInferResponse = message("ModelInferRequest"), message("ModelInferResponse")


class Asked(NamedTuple):
    """A request, and of which model."""

    model: str
    version: str | None
    id: str
    request: InferenceRequest


def is_light(content: bytes) -> bool:
    """Whether a ModelInferRequest is soon parsed: it is small, or nearly all of it are a few raw tensors of numbers."""
    if len(content) <= SMALL:
        return True
    at, rest = 0, b""
    for _ in range(FEW):
        key, at = _varint(content, at)
        size, at = _varint(content, at)
        if key & 7 != LENGTH_DELIMITED or size > len(content) - at:
            return False
        if key >> 3 != RAW_INPUT_CONTENTS:
            rest += content[at : at + min(size, SMALL + 1)]
        at += size
        if len(rest) > SMALL:
            return False
        if at == len(content):
            return b"BYTES" not in rest
    return False


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of up to 4 bytes, and where it ends; a longer one is none that fits in here."""
    value = 0
    for shift in (0, 7, 14, 21):
        if at == len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 1 << 31, at


def read(content: bytes, sent_bytes: int | None = None) -> Asked:
    """`sent_bytes`: of the message as it came, by which its texts are bounded. Raises BadRequest, WrongShape."""
    try:
        request = ModelInferRequest.FromString(content)
    except DecodeError as error:
        raise BadRequest("the message is no ModelInferRequest") from error
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise BadRequest(f"{len(request.inputs)} inputs came with {len(raw)} raw_input_contents; each has one, or none")
    elements.check_tensors(len(request.inputs), len(request.outputs))
    inputs = dict(_inputs(request.inputs, raw, sent_bytes))
    if len(inputs) != len(request.inputs):
        raise BadRequest("an input came twice")
    wanted = [Wanted(output.name, _classes(output.parameters)) for output in request.outputs]
    tensors = InferenceRequest(inputs, wanted or None)
    return Asked(request.model_name, request.model_version or None, request.id, tensors)


def _inputs(inputs: Any, raw: Any, sent_bytes: int | None) -> Iterator[tuple[str, Array]]:
    texts = 0
    for place, tensor in enumerate(inputs):
        shape, datatype = elements.shape_of(tensor.shape), datatype_named(tensor.datatype)
        if "shared_memory_region" in tensor.parameters:
            raise BadRequest("shared memory is not offered here; send the tensor itself")
        count = math.prod(shape)
        if datatype.name == BYTES:
            texts += count
            elements.check_strings(texts, sent_bytes)
        if raw:
            values = elements.unpack(memoryview(raw[place]), datatype, count)
        else:
            values = _from_contents(tensor.contents, datatype, count)
        yield tensor.name, values.reshape(shape)


def _from_contents(contents: Any, datatype: Datatype, count: int) -> Array:
    if datatype.name not in CONTENTS:
        raise BadRequest(f"values of {datatype.name} come as raw_input_contents alone")
    came = getattr(contents, CONTENTS[datatype.name])
    if len(came) != count:
        raise WrongShape(f"a tensor of that shape has {count:,} elements; {len(came):,} came")
    if datatype.name == BYTES:
        return elements.of_strings(came)
    return elements.of_numbers(list(came), datatype)


def _classes(parameters: Any) -> int:
    count = parameters["classification"].int64_param if "classification" in parameters else 0
    if count < 0:
        raise BadRequest('"classification" is a whole number, 0 or above')
    return int(count)


def write(model: Reference, identity: str, result: InferenceResult) -> bytes:
    """A ModelInferResponse, with all tensors as bytes."""
    answer = ModelInferResponse(model_name=model["name"], model_version=model["version"], id=identity)
    for tensor, values in result:
        answer.outputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=values.shape)
        answer.raw_output_contents.append(elements.pack(values, tensor.datatype))
    content: bytes = answer.SerializeToString()
    return content
