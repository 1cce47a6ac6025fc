"""The typed result -> the answer's bytes, in each of the forms that a caller may ask for."""

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import orjson
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from app.errors import ServiceError
from app.http.problems import item_problem
from app.http.v1 import schemas
from app.imaging.boxes import Box
from app.imaging.normalise import Frame
from app.imaging.verdicts import ADVICE, Verdict
from app.serving.tensors import Reference
from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.classifier import ENERGY
from app.tasks.digits.decisions import Decision
from app.tasks.digits.insides import Layer
from app.tasks.digits.results import Explanation, Number, Numbers, Prediction, Predictions

NDJSON = "application/x-ndjson"
EXPLAINED = frozenset({"seen", "heatmap", "runner_up"})
WITH_EXPLANATIONS = frozenset({"stages", "layers"})  # what may be included there alone

PNG_SIGNATURE, RGB, UP = b"\x89PNG\r\n\x1a\n", 2, 2  # colour type and filter
ENLARGED = 280 // SIDE  # pixels for each of a frame's, in a heat map of 280x280
FOR, AGAINST = np.array([220, 40, 30]), np.array([40, 90, 230])  # red, green and blue


def to_json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def prediction(model: Reference, result: Prediction, include: frozenset[str]) -> bytes:
    """JSON of one digit, with what `include` names."""
    entry = cast(schemas.Prediction, _classification(result.digit, result.row, result.decision))
    entry["model"] = model
    if result.frame.steps:
        entry["input"] = _input(result.frame, result.verdict)
    if "seen" in include:
        entry["seen"] = png(result.frame.pixels)
    if result.explanation is not None:
        entry["heatmap"] = enlarged_png(coloured(result.explanation.pixels, result.explanation.heat), ENLARGED)
        if "runner_up" in include:
            cast(schemas.Explained, entry)["explanation"] = _explanation(result.explanation)
    if "stages" in include:
        cast(schemas.Explained, entry)["stages"] = [_stage(*glimpse) for glimpse in result.frame.glimpses]
    if result.layers is not None:
        cast(schemas.Explained, entry)["layers"] = [_layer(layer) for layer in result.layers]
    return to_json(entry)


def _stage(name: str, png: bytes | None) -> schemas.StageSeen:
    return {"name": name, "picture": None if png is None else base64.b64encode(png).decode()}


def _layer(layer: Layer) -> schemas.Layer:
    count, height, width = layer.maps.shape
    return {
        "name": layer.name,
        "operator": layer.operator,
        "shape": layer.shape,
        "low": layer.low,
        "high": layer.high,
        "count": count,
        "height": height,
        "width": width,
        "maps": base64.b64encode(layer.maps.tobytes()).decode(),
    }


def _classification(digit: int, row: NDArray[np.float32], decision: Decision) -> schemas.Classification:
    """What is said of every image. `row` is float32 [11]."""
    return {
        "digit": digit,
        "confidence": row[digit],
        "decision": decision,
        "probabilities": row[:ENERGY],
        "energy": row[ENERGY],
    }


def _input(frame: Frame, verdict: Verdict) -> schemas.Input:
    """What was made of an image, what was wrong with it, and what its sender can do about that."""
    return {"verdict": verdict, "advice": ADVICE[verdict], "steps": frame.steps}


def _explanation(explained: Explanation) -> schemas.Explanation:
    return {
        "values": explained.heat,
        "runner_up": {
            "digit": explained.second,
            "confidence": explained.second_confidence,
            "values": explained.second_heat,
            "heatmap": enlarged_png(coloured(explained.pixels, explained.second_heat), ENLARGED),
        },
    }


def numbers(model: Reference, found: Numbers) -> bytes:
    """JSON of whole numbers."""
    document: schemas.FoundNumbers = {
        "text": found.text,
        "numbers": [_number(number, found.scale) for number in found.numbers],
        "model": model,
    }
    if found.pages is not None:
        document["pages"] = found.pages
    return to_json(document)


def _number(number: Number, scale: float) -> schemas.FoundNumber:
    return {
        "text": number.best.text,
        "raw": number.raw,
        "confidence": number.best.confidence,
        "decision": number.decision,
        "box": _box(number.box, scale),
        "line": number.line,
        "digits": [
            {"digit": digit, "confidence": confidence, "box": _box(box, scale)}
            for digit, confidence, box in number.digits
        ],
        "alternatives": [{"text": text, "confidence": confidence} for text, confidence in number.alternatives],
    }


def _box(box: Box, scale: float) -> schemas.Box:
    left, top, width, height = (round(side * scale, 1) for side in (box.left, box.top, box.width, box.height))
    return left, top, width, height


def batch_document(model: Reference, result: Predictions, entries: list[bytes]) -> bytes:
    """The answer to a batch around its entries, which are JSON already."""
    document = {
        "predictions": [orjson.Fragment(entry) for entry in entries],
        "count": result.batch.count,
        "failed": len(result.batch.errors),
        "model": model,
    }
    return to_json(document)


def batch_entries(result: Predictions, include: frozenset[str]) -> Iterator[bytes]:
    """One JSON object an item, in the batch's order."""
    batch, verdicts = result.batch, result.verdicts
    good = zip(result.scores, result.decisions, batch.frames, strict=True)
    for place in range(batch.count):
        entry: schemas.ItemPrediction | schemas.ItemError
        if error := batch.errors.get(place):
            entry = {"error": item_problem(error)}
        else:
            row, decision, pixels = next(good)
            entry = cast(schemas.ItemPrediction, _classification(int(row[:ENERGY].argmax()), row, decision))
            if frame := batch.made.get(place):
                entry["input"] = _input(frame, verdicts[place])
            if "seen" in include:
                entry["seen"] = png(pixels)
        if name := batch.names.get(place):
            entry["name"] = name
        yield to_json(entry)


def lines(result: Predictions, include: frozenset[str]) -> bytes:
    """The same as NDJSON."""
    return b"".join(entry + b"\n" for entry in batch_entries(result, include))


def error_line(error: ServiceError) -> bytes:
    return to_json({"error": item_problem(error)}) + b"\n"


def batch_npy(result: Predictions) -> bytes:
    """The probabilities, float32 [count, 10], as .npy; an item that failed is a row of NaN."""
    batch, rows = result.batch, result.scores[:, :ENERGY]
    if batch.errors:
        rows = np.full((batch.count, ENERGY), np.nan, np.float32)
        rows[[place for place in range(batch.count) if place not in batch.errors]] = result.scores[:, :ENERGY]
    file = io.BytesIO()
    npy.write_array(file, rows)
    return file.getvalue()


def coloured(frame: Frames, values: NDArray[np.float32]) -> Frames:
    """A frame, uint8 [28, 28], with what speaks for a digit in red and what against it in blue: [28, 28, 3]."""
    shares = values / max(float(np.abs(values).max()), 1e-6)
    colours = np.where(shares[..., None] > 0, FOR, AGAINST)
    strength = np.abs(shares)[..., None] * 0.75
    mixed: Frames = np.rint(frame[..., None] * (1 - strength) + colours * strength).astype(np.uint8)
    return mixed


def png(pixels: Frames) -> str:
    """uint8 [H, W] or [H, W, 3] -> PNG, base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "PNG", compress_level=3
    )  # a third less time than the default, a fifth more bytes
    return base64.b64encode(file.getvalue()).decode()


def enlarged_png(pixels: Frames, times: int) -> str:
    """uint8 [H, W, 3] with each pixel as a square of `times` -> PNG, base64. Source: PNG (ISO/IEC 15948), 5 and 9.2.

    A row that is the same as the one above is so many zeros, by the filter "up": a fifth of the time of an encoder that
    has to find that out.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, times, 1 + 3 * width * times), np.uint8)
    rows[:, 0, 1:] = pixels.repeat(times, axis=1).reshape(height, -1)
    rows[:, 1:, 0] = UP
    header = struct.pack(">IIBBBBB", width * times, height * times, 8, RGB, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows.tobytes(), 1), b"IEND": b""}
    file = PNG_SIGNATURE + b"".join(map(_chunk, chunks, chunks.values()))
    return base64.b64encode(file).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
