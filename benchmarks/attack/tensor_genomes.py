"""What the search varies of requests on named tensors: shapes, types, codings, what is wanted, and what is said."""

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.attack import rpc, wrappings
from benchmarks.attack.foreign import CENTRED, DOUBLED, LINES, TEXTS
from benchmarks.attack.request import Request
from benchmarks.attack.tensors import SIZE_OF, in_bytes, infer, strings, tensor

if TYPE_CHECKING:
    from benchmarks.attack.genomes import Genome

DIGITS = "digits"
MODELS = DOUBLED, CENTRED, TEXTS, LINES, DIGITS
OVER_GRPC = "gRPC "
ROUTES = *(f"/v2/models/{model}/infer" for model in MODELS), *(f"{OVER_GRPC}{model}" for model in MODELS)
KINDS = "tensor", "tensor in JSON", "texts", "pictures", "many tensors"
DATATYPES = tuple(SIZE_OF)
SHAPES = "rows", "one row", "many axes", "nothing", "rows of nothing", "the model's"
MOST_UNPACKED = 12_000_000  # bytes that the search itself packs


def request_of(genome: "Genome", pictures: list[bytes]) -> Request:
    """`pictures` are what a genome of pictures holds. Raises ValueError where it would be too large."""
    if genome.route.startswith(OVER_GRPC):
        return _call_of(genome, genome.route.removeprefix(OVER_GRPC), pictures)
    model = genome.route.split("/")[3]
    name = _input_of(model)
    document, data = _document(genome, model, name, pictures)
    document = document[:-1] + b',"outputs":' + json.dumps(_wanted(genome, model)).encode() + b"}"
    made = infer(model, document, data, coding=genome.coding)
    return made._replace(headers=made.headers | ({"Accept-Encoding": "gzip"} if genome.accept else {}))


def _call_of(genome: "Genome", model: str, pictures: list[bytes]) -> Request:
    """The same over gRPC. Raises ValueError, TypeError."""
    if genome.kind == "tensor in JSON":  # there as contents
        shape = _shape(genome, model) if genome.seed % 3 else [1, genome.pieces]
        values = ["a"] if genome.datatype == "BYTES" else [genome.seed % 2]
        if math.prod(shape) > MOST_UNPACKED:
            raise ValueError("too much to pack")
        document = {"inputs": [tensor(_input_of(model), genome.datatype, shape, data=values * math.prod(shape))]}
        data = b""
    else:
        text, data = _document(genome, model, _input_of(model), pictures)
        document = json.loads(text)
    return rpc.infer(model, {**document, "outputs": _wanted(genome, model)}, data, genome.coding)


def _input_of(model: str) -> str:
    return "image" if model == DIGITS else "x"


def _wanted(genome: "Genome", model: str) -> list[dict[str, Any]]:
    output = "probabilities" if model == DIGITS else "y"
    parameters: dict[str, Any] = {"binary_data": genome.as_bytes}
    if genome.classes:
        parameters["classification"] = genome.classes
    return [{"name": output, "parameters": parameters}] * genome.wanted


def _document(genome: "Genome", model: str, name: str, pictures: list[bytes]) -> tuple[bytes, bytes]:
    """JSON of an object, and the bytes after it."""
    match genome.kind:
        case "tensor in JSON":
            return _in_json(genome, model, name), b""
        case "many tensors":
            inputs = [tensor(f"{name}{number}", genome.datatype, [0], data=[]) for number in range(genome.pieces)]
            return json.dumps({"inputs": inputs}).encode(), b""
        case "texts":
            parts = strings([b"a" * (genome.pitch - 1)] * genome.pieces)
            shape = [genome.pieces] if model == DIGITS else [1, genome.pieces]
            return _one(in_bytes(name, "BYTES", shape, len(parts))), parts
        case "pictures":
            parts = strings(pictures)
            return _one(in_bytes(name, "BYTES", [len(pictures)], len(parts))), parts
    shape = _shape(genome, model)
    size = math.prod(shape) * SIZE_OF[genome.datatype]
    if size > MOST_UNPACKED:
        raise ValueError("too much to pack")
    noise = np.random.default_rng(genome.seed).integers(0, 256, size, np.uint8).tobytes()
    return _one(in_bytes(name, genome.datatype, shape, size)), noise if genome.seed % 2 else bytes(size)


def _in_json(genome: "Genome", model: str, name: str) -> bytes:
    """As many of one of the pieces as that; where the model's shape is said, as many numbers as it has."""
    pieces = tuple(wrappings.JSON_PIECES)
    piece = wrappings.JSON_PIECES[pieces[genome.trick % len(pieces)]]
    shape, count = [1, genome.pieces], genome.pieces
    if genome.seed % 3:
        shape = _shape(genome, model)
        count, piece = math.prod(shape), (b"0,", b"0.1234567,", b"255,")[genome.seed % 3]
    if len(piece) * count > MOST_UNPACKED:
        raise ValueError("too much to pack")
    datatype = "BYTES" if model == TEXTS else genome.datatype
    head = json.dumps(tensor(name, datatype, shape)).encode()[:-1]
    return b'{"inputs":[' + head + b',"data":[' + (piece * count).rstrip(b",") + b"]}]}"


def _shape(genome: "Genome", model: str) -> list[int]:
    match SHAPES[genome.trick % len(SHAPES)]:
        case "rows":
            return [genome.items, genome.width]
        case "one row":
            return [1, genome.width * genome.height]
        case "many axes":
            return [1] * 14 + [genome.items, genome.width]
        case "nothing":
            return [0, genome.width]
        case "rows of nothing":
            return [genome.width * genome.items, 0]
    if model == LINES:
        return [genome.thick, 3, 48, genome.width]
    frames = genome.items * genome.thick
    return [frames, 28, 28] if genome.datatype == "UINT8" else [frames, 28, 28, 1]


def _one(entry: dict[str, Any]) -> bytes:
    return json.dumps({"inputs": [entry]}).encode()
