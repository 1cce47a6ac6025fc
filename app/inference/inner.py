"""A model that gives what its layers make of an input, too: the same graph with more outputs.

Only names are read of the graph, by a few fields of its file; the rest is ONNX Runtime's business. A message that comes
twice in a file of protocol buffers is merged, so that a graph of nothing but outputs, put behind the model, adds these.
Source: ONNX's onnx.proto (field numbers), Protocol Buffers' encoding (varints, wire types, merging).
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.errors import BundleError

GRAPH, NODE, INITIALIZER, OUTPUT = 7, 1, 5, 12  # of a model; of its graph
INPUT = OUTPUT - 1
INPUTS, OUTPUTS, OPERATOR = 1, 2, 4  # of a node
NAME, INITIALIZER_NAME = 1, 8
VARINT, EIGHT_BYTES, COUNTED, FOUR_BYTES = 0, 1, 2, 5  # wire types
MOST_BITS = 64  # of a varint

DEQUANTIZE = "DequantizeLinear"
# They give the same numbers in another order, type or precision.
SAME = frozenset(
    {"Cast", "Concat", "Constant", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "Identity"}
    | {"QuantizeLinear", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)


class Inner(NamedTuple):
    """A layer, and the last value that it makes."""

    name: str
    operator: str
    """The first of its operators that computes something."""
    value: str
    """The name of the tensor."""


def inner_of(model: bytes) -> list[Inner]:
    """The layers of a model, in the order in which they are run. Raises BundleError where it is no ONNX model.

    Exporters name a layer's values by a path of which the layer is the folder: Keras as `cnn/dense/Relu:0`, PyTorch as
    `/conv1/Conv_output_0`. What has no such name is a layer of its own. What does not depend on the input is none.
    """
    try:
        graphs = [value for field, value in _fields(memoryview(model)) if field == GRAPH]
        parts = [part for graph in graphs for part in _fields(graph)]
        return _layers(parts)
    except (IndexError, ValueError) as error:
        raise BundleError(f"no ONNX model: {error}") from error


def with_outputs(model: bytes, values: list[str]) -> bytes:
    """The model with these tensors among its outputs, behind its own, as ONNX Runtime finds out their types itself."""
    outputs = b"".join(_message(OUTPUT, _message(NAME, value.encode())) for value in values)
    return model + _message(GRAPH, outputs)


def _layers(parts: list[tuple[int, memoryview]]) -> list[Inner]:
    weights = {_text(part, INITIALIZER_NAME) for field, part in parts if field == INITIALIZER}
    inputs = {_text(part, NAME) for field, part in parts if field == INPUT}
    own = {_text(part, NAME) for field, part in parts if field == OUTPUT}
    follows = inputs - weights
    layers: dict[str, Inner] = {}
    for field, node in parts:
        if field != NODE:
            continue
        said = [(number, str(value, "utf-8")) for number, value in _fields(node) if number <= OPERATOR]
        taken, given, (operator,) = (
            [text for number, text in said if number == at] for at in (INPUTS, OUTPUTS, OPERATOR)
        )
        if follows.isdisjoint(taken):
            continue
        follows.update(given)
        *folders, last = filter(None, given[0].removesuffix(":0").split("/"))
        name = "/".join(folders) or last
        goes_on = operator == DEQUANTIZE and name in layers  # to which what is below 0 may have been lost
        if (operator in SAME and not goes_on) or given[0] in own:
            continue
        first = layers.pop(name, None)  # where a layer ends is its place
        layers[name] = Inner(name, first.operator if first else operator, given[0])
    return list(layers.values())


def _text(message: memoryview, wanted: int) -> str:
    return next((str(value, "utf-8") for field, value in _fields(message) if field == wanted), "")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The number and the bytes of each field that has some; others are passed over. Raises IndexError, ValueError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if (wire := key & 7) == VARINT:
            _, at = _varint(message, at)
        elif wire == COUNTED:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise ValueError("a field is longer than the file")
            yield key >> 3, message[at : at + length]
            at += length
        elif wire in {EIGHT_BYTES, FOUR_BYTES}:
            at += 8 if wire == EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {wire}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, MOST_BITS, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _message(field: int, content: bytes) -> bytes:
    return _number(field << 3 | COUNTED) + _number(len(content)) + content


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
