"""Probabilities -> the answer's bytes, in each of the forms that a caller may ask for."""

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from app.api.frames import Batch
from app.errors import NoInk, ServiceError
from app.imaging.arrays import Frames
from app.imaging.normalise import Frame
from app.imaging.verdicts import ADVICE, Verdict
from app.inference.occlusion import Occlusion, heat
from app.inference.repository import LiveModel
from app.inference.session import ENERGY, Scores

JSON, NDJSON, NPY = "application/json", "application/x-ndjson", "application/x-npy"
Entry = dict[str, Any]

REJECTED = {"blank", "several_digits", "not_a_digit"}
PNG_SIGNATURE, RGB, UP = b"\x89PNG\r\n\x1a\n", 2, 2  # colour type and filter
ENLARGED = 10  # pixels for each of a frame's, in a heat map
FOR, AGAINST = np.array([220, 40, 30]), np.array([40, 90, 230])  # red, green and blue


def to_json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def prediction(model: LiveModel, row: NDArray[np.float32], frame: Frame, include: frozenset[str]) -> tuple[str, Entry]:
    """The decision on one image, and the answer to it. `row` is float32 [11]."""
    decision = decide(model, frame, row)
    entry = reading(row, decision)
    entry["model"] = model.reference
    if frame.steps:
        entry["input"] = of_input(model, frame, row)
    if "seen" in include:
        entry["seen"] = png(frame.pixels)
    return decision, entry


def reading(row: NDArray[np.float32], decision: str) -> Entry:
    """What is said of every image, for a decision that has been taken."""
    probabilities = row[:ENERGY]
    digit = int(probabilities.argmax())
    return {
        "digit": digit,
        "confidence": probabilities[digit],
        "decision": decision,
        "probabilities": probabilities,
        "energy": row[ENERGY],
    }


def of_input(model: LiveModel, frame: Frame, row: NDArray[np.float32]) -> Entry:
    """What was made of an image, what was wrong with it, and what its sender can do about that."""
    verdict = _verdict(model, frame, row)
    return {"verdict": verdict, "advice": ADVICE[verdict], "steps": frame.steps}


def decide(model: LiveModel, frame: Frame, row: NDArray[np.float32]) -> str:
    """accept, review or reject. Of a picture with something wrong nothing is accepted, and what is no digit is none."""
    decision = model.decide(float(row[:ENERGY].max()), float(row[ENERGY]))
    verdict = _verdict(model, frame, row)
    if verdict in REJECTED:
        return "reject"
    return "review" if verdict != "ok" and decision == "accept" else decision


def decide_all(model: LiveModel, batch: Batch, scores: Scores) -> list[str]:
    """A decision for each row of float32 [N, 11], those of the batch without its errors."""
    decisions = model.decide_all(scores)
    good = [place for place in range(batch.count) if place not in batch.errors] if batch.made else []
    for index, place in enumerate(good):
        if place in batch.made:
            decisions[index] = decide(model, batch.made[place], scores[index])
    return decisions


def _verdict(model: LiveModel, frame: Frame, row: NDArray[np.float32]) -> Verdict:
    return frame.judgement.confirmed(float(row[ENERGY]), model.manifest.thresholds.energy)


def explanation(occlusion: Occlusion, scores: Scores, *, runner_up: bool) -> Entry:
    """The heat map of the digit that was read, over what the model saw, and likewise of the second most likely one."""
    second, first = np.argsort(scores[0, :ENERGY])[-2:].tolist()
    of_first = heat(occlusion, scores, first)
    entry: Entry = {"heatmap": enlarged_png(coloured(occlusion.frames[0], of_first), ENLARGED)}
    if runner_up:
        of_second = heat(occlusion, scores, second)
        entry["explanation"] = {
            "values": of_first,
            "runner_up": {
                "digit": second,
                "confidence": scores[0, second],
                "values": of_second,
                "heatmap": enlarged_png(coloured(occlusion.frames[0], of_second), ENLARGED),
            },
        }
    return entry


def coloured(frame: Frames, values: NDArray[np.float32]) -> Frames:
    """A frame, uint8 [28, 28], with what speaks for a digit in red and what against it in blue: [28, 28, 3]."""
    shares = values / max(float(np.abs(values).max()), 1e-6)
    colours = np.where(shares[..., None] > 0, FOR, AGAINST)
    strength = np.abs(shares)[..., None] * 0.75
    mixed: Frames = np.rint(frame[..., None] * (1 - strength) + colours * strength).astype(np.uint8)
    return mixed


def batch_document(model: LiveModel, batch: Batch, entries: list[bytes]) -> bytes:
    """The answer to a batch around its entries, which are JSON already."""
    document = {
        "predictions": [orjson.Fragment(entry) for entry in entries],
        "count": batch.count,
        "failed": len(batch.errors),
        "model": model.reference,
    }
    return to_json(document)


def batch_entries(
    model: LiveModel, batch: Batch, scores: Scores, decisions: list[str], include: frozenset[str]
) -> Iterator[bytes]:
    """One JSON object an item, in the batch's order. `scores` and `decisions` are of those without an error."""
    good = zip(scores, decisions, batch.frames, strict=True)
    for place in range(batch.count):
        if error := batch.errors.get(place):
            entry: Entry = {"error": problem(error)}
        else:
            row, decision, pixels = next(good)
            entry = reading(row, decision)
            if frame := batch.made.get(place):
                entry["input"] = of_input(model, frame, row)
            if "seen" in include:
                entry["seen"] = png(pixels)
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
    entry: Entry = {"title": error.title, "status": error.status, "code": error.code, "detail": error.detail}
    return entry | {"verdict": "blank"} if isinstance(error, NoInk) else entry


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
