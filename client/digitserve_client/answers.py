"""Responses -> typed results, or the error that they stand for. Pure: the response was read before."""

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httpx

from digitserve_client.errors import InvalidAnswer, ServiceError, of_status
from digitserve_client.results import (
    Box,
    Evidence,
    Explanation,
    InputReport,
    ItemError,
    Limits,
    Model,
    ModelVersion,
    Number,
    NumberDigit,
    Prediction,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# One metric of Server-Timing, `infer;desc="batch, 7";dur=0.4`: quoted text may hold commas and semicolons.
METRIC = re.compile(r'\s*([^\s,;="]+)((?:\s*;\s*[^\s,;="]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*))?)*)')
DURATION = re.compile(r';\s*dur\s*=\s*"?([0-9.]+)"?', re.IGNORECASE)
QUOTED = re.compile(r'(desc\s*=\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)


def prediction(response: httpx.Response) -> Prediction:
    """The answer of /v1/predict. Raises InvalidAnswer."""
    with _reading(response):
        answer = response.json()
        return _prediction(answer, _model_version(answer["model"]), *_found_by(response))


def explanation(response: httpx.Response) -> Explanation:
    """The answer of /v1/explain. Raises InvalidAnswer."""
    with _reading(response):
        answer = response.json()
        return Explanation(
            _prediction(answer, _model_version(answer["model"]), *_found_by(response)),
            _evidence({**answer, **answer["explanation"]}),  # the digit and its heat map stand beside the prediction
            _evidence(answer["explanation"]["runner_up"]),
        )


def predictions(response: httpx.Response, count: int | None = None) -> list[Prediction | ItemError]:
    """The answer of /v1/predict/batch, in the order of the images; `count` is how many were sent.

    Raises InvalidAnswer.
    """
    with _reading(response):
        answer = response.json()
        model, items = _model_version(answer["model"]), answer["predictions"]
        if count is not None and len(items) != count:
            raise ValueError(f"{len(items)} predictions for {count} images")
        request, timing = _found_by(response)
        return [
            _item_error(item, request) if "error" in item else _prediction(item, model, request, timing)
            for item in items
        ]


def numbers(response: httpx.Response) -> list[Number]:
    """The answer of /v1/read, from top to bottom and left to right. Raises InvalidAnswer."""
    with _reading(response):
        answer = response.json()
        model = _model_version(answer["model"])
        found_by = _found_by(response)
        return [_number(found, model, *found_by) for found in answer["numbers"]]


def models(response: httpx.Response) -> list[Model]:
    """The answer of /v1/models. Raises InvalidAnswer."""
    with _reading(response):
        return [
            Model(item["name"], str(item["version"]), bool(item.get("default", False)), item)
            for item in response.json()["models"]
        ]


def limits(response: httpx.Response) -> Limits:
    """The answer of /v1/limits; what it does not tell is what services allow by default. Raises InvalidAnswer."""
    with _reading(response):
        told = response.json()
        known = {one.name: told[one.name] for one in fields(Limits) if told.get(one.name) is not None}
        if not all(isinstance(value, int | float) and value > 0 for value in known.values()):
            raise ValueError(f"limits of {known}")
        return Limits(**known)


def probabilities(response: httpx.Response, count: int) -> "NDArray[np.float32]":
    """The answer of /v1/predict/batch as .npy: float32 [count, 10]. Raises InvalidAnswer."""
    import numpy as np  # whoever wants arrays has it
    from numpy.lib import format as npy

    with _reading(response):
        rows: NDArray[np.float32] = npy.read_array(BytesIO(response.content), allow_pickle=False)
        if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != count:
            raise ValueError(f"{rows.dtype} {list(rows.shape)} for {count} images")
        return rows


def failure(response: httpx.Response, now: float) -> ServiceError | None:
    """The error that a response stands for, None for a 2xx; `now` is in seconds since the epoch."""
    if response.is_success:
        return None
    problem = _problem(response)
    return of_status(response.status_code)(
        str(problem.get("detail") or _without_detail(response)),
        status=response.status_code,
        code=str(problem.get("code") or f"http_{response.status_code}"),
        request_id=request_id(response) or problem.get("request_id"),
        retry_after=retry_after(response.headers, now),
    )


def request_id(response: httpx.Response) -> str | None:
    """The id under which the service logged the request."""
    found: str | None = response.headers.get("X-Request-ID")
    return found


def server_timing(header: str) -> dict[str, float]:
    """Stage -> milliseconds; stages without a duration are left out. https://www.w3.org/TR/server-timing/"""
    stages = {}
    for metric in METRIC.finditer(header):
        duration = DURATION.search(QUOTED.sub(r"\1", metric[2]))
        if duration and duration[1].count(".") <= 1 and duration[1] != ".":
            stages[metric[1]] = float(duration[1])
    return stages


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110, 10.2.3); None when absent or without sense.

    A date is taken against the answer's own Date, so that a wrong clock on either side does no harm.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return float(value)
    until = _timestamp(value)
    if until is None:
        return None
    since = _timestamp(headers.get("Date", ""))
    return max(0.0, until - (now if since is None else since))


@contextmanager
def _reading(response: httpx.Response) -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        kind = response.headers.get("Content-Type", "something")
        raise InvalidAnswer(
            f"expected digitserve's answer; got {kind} that does not read as one "
            f"({type(error).__name__}: {error}); {InvalidAnswer.advice}",
            status=response.status_code,
            request_id=request_id(response),
        ) from error


def _found_by(response: httpx.Response) -> tuple[str | None, dict[str, float]]:
    """The request's id, and how long its stages took."""
    return request_id(response), server_timing(response.headers.get("Server-Timing", ""))


def _prediction(
    item: Mapping[str, Any], model: ModelVersion, request: str | None, timing: Mapping[str, float]
) -> Prediction:
    report, seen, energy = item.get("input"), item.get("seen"), item.get("energy")
    return Prediction(
        digit=int(item["digit"]),
        confidence=float(item["confidence"]),
        decision=item["decision"],
        probabilities=tuple(map(float, item["probabilities"])),
        model=model,
        energy=None if energy is None else float(energy),
        input=None if report is None else _input_report(report),
        seen=None if seen is None else base64.b64decode(seen, validate=True),
        name=item.get("name"),
        request_id=request,
        server_timing=timing,
    )


def _input_report(report: Mapping[str, Any]) -> InputReport:
    steps = tuple(str(step) for step in report.get("steps", ()))
    return InputReport(steps, report.get("verdict"), str(report.get("advice", "")))


def _evidence(item: Mapping[str, Any]) -> Evidence:
    return Evidence(
        digit=int(item["digit"]),
        confidence=float(item["confidence"]),
        values=tuple(tuple(map(float, row)) for row in item["values"]),
        heatmap=base64.b64decode(item["heatmap"], validate=True),
    )


def _number(found: Mapping[str, Any], model: ModelVersion, request: str | None, timing: Mapping[str, float]) -> Number:
    return Number(
        text=str(found["text"]),
        confidence=float(found["confidence"]),
        decision=found["decision"],
        box=_box(found["box"]),
        digits=tuple(
            NumberDigit(int(one["digit"]), float(one["confidence"]), _box(one["box"])) for one in found["digits"]
        ),
        model=model,
        alternatives=tuple((str(one["text"]), float(one["confidence"])) for one in found.get("alternatives", ())),
        line=int(found.get("line", 0)),
        raw=str(found.get("raw", "")),
        request_id=request,
        server_timing=timing,
    )


def _box(sides: Sequence[float]) -> Box:
    left, top, width, height = map(float, sides)
    return left, top, width, height


def _item_error(item: Mapping[str, Any], request: str | None) -> ItemError:
    error = item["error"]
    return ItemError(
        status=int(error["status"]),
        code=str(error["code"]),
        detail=str(error["detail"]),
        title=str(error.get("title", "")),
        name=item.get("name"),
        request_id=request,
    )


def _model_version(model: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(str(model["name"]), str(model["version"]))


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _without_detail(response: httpx.Response) -> str:
    if response.has_redirect_location:
        return f"redirected to {response.headers['Location']}; use that address as base_url"
    return f"expected problem+json; got {response.reason_phrase or 'no reason'}: {response.text[:200]!r}"


def _timestamp(date: str) -> float | None:
    try:
        seconds = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return seconds if math.isfinite(seconds) else None
