"""Probabilities -> the answer's bytes, in each of the forms that a caller may ask for."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from app.api.frames import Batch, Seen
from app.errors import ServiceError
from app.imaging.arrays import Frames
from app.inference.repository import LiveModel
from app.inference.session import ENERGY, Scores

JSON, NDJSON, NPY = "application/json", "application/x-ndjson", "application/x-npy"
Entry = dict[str, Any]


def to_json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def prediction(model: LiveModel, row: NDArray[np.float32], seen: Seen, include: frozenset[str]) -> tuple[str, bytes]:
    """The decision on one image, and the answer to it. `row` is float32 [11]."""
    probabilities, energy = row[:ENERGY], row[ENERGY]
    digit = int(probabilities.argmax())
    confidence = probabilities[digit]
    decision = model.decide(float(confidence), float(energy))
    entry: Entry = {
        "digit": digit,
        "confidence": confidence,
        "decision": decision,
        "probabilities": probabilities,
        "energy": energy,
        "model": model.reference,
    }
    if seen.steps:
        entry["input"] = {"steps": seen.steps}
    if "seen" in include:
        entry["seen"] = png(seen.pixels)
    return decision, to_json(entry)


def reading(row: NDArray[np.float32], decision: str) -> Entry:
    """The same as part of a batch's answer, for a decision that has been taken."""
    probabilities = row[:ENERGY]
    digit = int(probabilities.argmax())
    return {
        "digit": digit,
        "confidence": probabilities[digit],
        "decision": decision,
        "probabilities": probabilities,
        "energy": row[ENERGY],
    }


def batch_document(model: LiveModel, batch: Batch, entries: list[bytes]) -> bytes:
    """The answer to a batch around its entries, which are JSON already."""
    document = {
        "predictions": [orjson.Fragment(entry) for entry in entries],
        "count": batch.count,
        "failed": len(batch.errors),
        "model": model.reference,
    }
    return to_json(document)


def batch_entries(batch: Batch, scores: Scores, decisions: list[str], include: frozenset[str]) -> Iterator[bytes]:
    """One JSON object an item, in the batch's order. `scores` and `decisions` are of those without an error."""
    good = zip(scores, decisions, batch.frames, strict=True)
    for place in range(batch.count):
        if error := batch.errors.get(place):
            entry: Entry = {"error": problem(error)}
        else:
            row, decision, frame = next(good)
            entry = reading(row, decision)
            if steps := batch.steps.get(place):
                entry["input"] = {"steps": steps}
            if "seen" in include:
                entry["seen"] = png(frame)
        if name := batch.names.get(place):
            entry["name"] = name
        yield to_json(entry)


def batch_npy(batch: Batch, scores: Scores) -> bytes:
    """The probabilities, float32 [count, 10], as .npy; an item that failed is a row of NaN."""
    rows = scores[:, :ENERGY]
    if batch.errors:
        rows = np.full((batch.count, ENERGY), np.nan, np.float32)
        rows[[place for place in range(batch.count) if place not in batch.errors]] = scores[:, :ENERGY]
    file = io.BytesIO()
    npy.write_array(file, rows)
    return file.getvalue()


def problem(error: ServiceError) -> Entry:
    return {"title": error.title, "status": error.status, "code": error.code, "detail": error.detail}


def png(frame: Frames) -> str:
    """uint8 [28, 28] -> PNG, base64."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
