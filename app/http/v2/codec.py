"""An inference request's bytes -> named tensors, and back. Source: Open Inference Protocol 2.0, "Inference Request".

Nothing here takes long for a body of up to SMALL bytes of JSON; what is larger is read in a process of the pool.
"""

import asyncio
import math
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from app.errors import BadRequest, TooLarge, WrongShape
from app.inference import elements
from app.inference.datatypes import BYTES, Datatype, datatype_named
from app.serving.tensors import Array, InferenceRequest, InferenceResult, Output, Reference, Wanted

SMALL = 65_536  # bytes of JSON that are parsed on the event loop
MOST_WRITTEN = 1_000_000  # elements of an answer in JSON: what is more is better asked for as bytes
HEADINGS, REPEATED = 256, 1024  # that are remembered, and bytes of one
COPIED = 2 * 1024 * 1024  # bytes that are copied in one go
AT_ONCE = 8_192  # elements that are written in one go
LONGEST = 40  # characters of a caller's words that are said again
NUMBERS = frozenset({int, float, bool})


class Asked(NamedTuple):
    """A request, with what is said of its answer."""

    id: str | None
    request: InferenceRequest
    binary: dict[str, bool]
    """By output, whether it is wanted as bytes."""
    all_binary: bool
    """Of outputs of which nothing is said."""


class Entry(NamedTuple):
    """What JSON says of an input."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    length: int
    """Of its elements, flat."""
    size: int | None
    """Bytes of it that follow the JSON; None where its values stand in `data`."""
    data: Any


class Heading(NamedTuple):
    """The JSON of a request."""

    entries: list[Entry]
    wanted: list[Wanted] | None
    binary: dict[str, bool]
    all_binary: bool
    id: str | None


def read(body: bytes, header_bytes: int | None, sent_bytes: int | None = None) -> Asked:
    """`header_bytes` is how much of the body is JSON, where bytes of tensors follow; `sent_bytes` how much was sent, by
    which its texts are bounded. Raises BadRequest, WrongShape."""
    if header_bytes is None:
        heading, data = _heading(body), memoryview(b"")
    elif 0 < header_bytes <= len(body):
        # Callers repeat their headings, since only the bytes behind them differ from one picture to the next.
        text, data = body[:header_bytes], memoryview(body)[header_bytes:]
        heading = _repeated(text) if header_bytes <= REPEATED else _heading(text)
    else:
        raise BadRequest(f"Inference-Header-Content-Length is {header_bytes}, but the body has {len(body):,} bytes")
    inputs = dict(_inputs(heading.entries, data, sent_bytes))
    return Asked(heading.id, InferenceRequest(inputs, heading.wanted), heading.binary, heading.all_binary)


def _heading(text: bytes) -> Heading:
    document = _object(text)
    parameters = _parameters(document)
    inputs, outputs = _list(document, "inputs"), _list(document, "outputs", default=[])
    elements.check_tensors(len(inputs), len(outputs))
    entries, names = [_entry(one) for one in inputs], set[str]()
    for name, *_ in entries:
        if name in names:
            raise BadRequest(f"the input {name[:LONGEST]!r} came twice")
        names.add(name)
    all_binary = bool(parameters.get("binary_data_output", False))
    wanted, binary = [], {}
    for output in outputs:
        name, said = _text(output, "name"), _parameters(output)
        wanted.append(Wanted(name, _whole(said.get("classification", 0), "classification")))
        binary[name] = bool(said.get("binary_data", all_binary))
    identity = None if document.get("id") is None else _text(document, "id")
    return Heading(entries, wanted or None, binary, all_binary, identity)


_repeated = lru_cache(HEADINGS)(_heading)


def _entry(entry: Any) -> Entry:
    name, shape = _text(entry, "name"), elements.shape_of(_list(entry, "shape"))
    datatype, size = datatype_named(_text(entry, "datatype")), _parameters(entry).get("binary_data_size")
    if size is not None:
        size = _whole(size, "binary_data_size")
    return Entry(name, datatype, shape, math.prod(shape), size, entry.get("data"))


def _object(text: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadRequest('expected a JSON object {"inputs": [...]}')
    return document


def _inputs(entries: list[Entry], data: memoryview, sent_bytes: int | None) -> Iterator[tuple[str, Array]]:
    at, texts = 0, 0
    for name, datatype, shape, length, size, in_json in entries:
        if datatype.name == BYTES:
            texts += length
            elements.check_strings(texts, sent_bytes)
        if size is None:
            values = from_json(in_json, datatype, length)
        else:
            if at + size > len(data):
                raise WrongShape(f"the input `{name}` is said to have {size:,} bytes; {len(data) - at:,} are left")
            values = elements.unpack(data[at : at + size], datatype, length)
            at += size
        yield name, values.reshape(shape)
    if at != len(data):
        raise WrongShape(f"{len(data) - at:,} bytes follow those that the inputs' binary_data_size say")


def from_json(data: Any, datatype: Datatype, count: int) -> Array:
    """Flat or nested lists -> [count]. Raises BadRequest, WrongShape."""
    if not isinstance(data, list):
        raise BadRequest('an input has its values as a list in "data", or as bytes and their "binary_data_size"')
    flat = _flat(data)
    if len(flat) != count:
        raise WrongShape(f"a tensor of that shape has {count:,} elements; {len(flat):,} came")
    if datatype.name == BYTES:
        elements.check_strings(count)
        if not {str}.issuperset(map(type, flat)):
            raise WrongShape(f"values of {BYTES} are texts in JSON; others came")
        return elements.of_strings([text.encode() for text in flat])
    kinds = set(map(type, flat))
    if not kinds <= NUMBERS:
        raise WrongShape(f"values of {datatype.name} are numbers; others came")
    if float in kinds and datatype.numpy.kind != "f":
        raise WrongShape(f"values of {datatype.name} are whole; fractions came")
    return elements.of_numbers(flat, datatype)


def _flat(data: list[Any]) -> list[Any]:
    for _ in range(elements.MOST_AXES):
        if not data or type(data[0]) is not list:
            break
        if not {list}.issuperset(map(type, data)):
            raise WrongShape("a tensor's values are lists of the same depth; other ones came")
        data = list(chain.from_iterable(data))
    return data


def _parameters(entry: dict[str, Any]) -> dict[str, Any]:
    parameters = entry.get("parameters")
    if not parameters:
        return {}
    if not isinstance(parameters, dict):
        raise BadRequest('"parameters" is an object')
    if any(name.startswith("shared_memory") for name in parameters):
        raise BadRequest("shared memory is not offered here; send the tensor as JSON or as bytes")
    return parameters


def _list(entry: Any, name: str, default: list[Any] | None = None) -> list[Any]:
    found = entry.get(name, default) if isinstance(entry, dict) else None
    if not isinstance(found, list):
        raise BadRequest(f'expected a list "{name}"')
    return found


def _text(entry: Any, name: str) -> str:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, str):
        raise BadRequest(f'expected a text "{name}"')
    return found


def _whole(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise BadRequest(f'"{name}" is a whole number, 0 or above; another value came')
    return value


class Written(NamedTuple):
    body: bytes
    header_bytes: int | None
    """How much of it is JSON, where bytes of tensors follow."""


async def write(model: Reference, asked: Asked, result: InferenceResult) -> Written:
    """The answer. Others have their turn while a large one is written. Raises TooLarge."""
    entries, tail = [], list[bytes | memoryview]()
    in_json = 0
    for output in result:
        tensor, values = output
        entry: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype.name, "shape": values.shape}
        if asked.binary.get(tensor.name, asked.all_binary):
            small = tensor.datatype.name == BYTES or values.nbytes <= COPIED
            data = elements.pack(values, tensor.datatype) if small else elements.view(values)
            entry["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        else:
            in_json += values.size
            if in_json > MOST_WRITTEN:
                raise TooLarge(
                    f"an answer in JSON holds at most {MOST_WRITTEN:,} elements; these outputs have more. Ask for "
                    "them as bytes, with binary_data_output."
                )
            pieces = []
            for piece in _pieces(output):
                pieces.append(piece)
                await asyncio.sleep(0)
            last = _written(output, len(pieces) * AT_ONCE)
            entry["data"] = orjson.Fragment(b"[" + b",".join([*pieces, last]) + b"]")
        entries.append(entry)
    said = {"model_name": model["name"], "model_version": model["version"]}
    if asked.id is not None:
        said["id"] = asked.id
    header = orjson.dumps({**said, "outputs": entries})
    if not tail:
        return Written(header, None)
    parts = [header, *tail]
    whole = b"".join(parts) if sum(map(len, parts)) <= COPIED else await _joined(parts)
    return Written(whole, len(header))


async def _joined(parts: list[bytes | memoryview]) -> bytes:
    """A few megabytes at a time: others have their turn in between."""
    whole = BytesIO()
    for part in parts:
        for start in range(0, len(part), COPIED):
            whole.write(part[start : start + COPIED])
            await asyncio.sleep(0)
    return whole.getvalue()  # without another copy


def _pieces(output: Output) -> Iterator[bytes]:
    """All but the last AT_ONCE of its values, flat."""
    yield from (_written(output, start) for start in range(0, output.values.size - AT_ONCE, AT_ONCE))


def _written(output: Output, start: int) -> bytes:
    """Up to AT_ONCE of its values from `start` on, with commas between them."""
    flat = output.values.ravel()[start : start + AT_ONCE]
    if output.tensor.datatype.name == BYTES:
        texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in flat.tolist()]
        return orjson.dumps(texts)[1:-1]
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
