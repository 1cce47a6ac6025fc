"""Responses become typed results or the error that they stand for."""

import base64
from typing import Any

import digitserve_client as api
import httpx
import pytest
from digitserve_client import answers
from hypothesis import given, settings
from hypothesis import strategies as st

from .scripted import FOUR, MODEL, TIMING

NOW = 1_700_000_000.0


def response(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body, headers=named, request=httpx.Request("POST", "http://host/v1/predict"))


def test_a_prediction_in_full() -> None:
    body = FOUR | {
        "energy": -12.5,
        "model": MODEL | {"sha256": "abc"},
        "input": {"verdict": "ok", "steps": ["decoded png 40x30", "inverted"], "later": 1},
        "seen": base64.b64encode(b"png").decode(),
        "later": {"still": "unknown"},
    }
    assert answers.prediction(response(body, X_Request_ID="abc", Server_Timing=TIMING)) == api.Prediction(
        digit=4,
        confidence=0.97,
        decision="accept",
        probabilities=tuple(FOUR["probabilities"]),
        model=api.ModelVersion("digits", "1"),
        energy=-12.5,
        input=api.InputReport(("decoded png 40x30", "inverted"), "ok"),
        seen=b"png",
        request_id="abc",
        server_timing={"queue": 0.2, "infer": 1.5},
    )


def test_a_prediction_at_its_barest() -> None:
    prediction = answers.prediction(response(FOUR | {"model": MODEL}))
    assert (prediction.energy, prediction.input, prediction.seen, prediction.request_id) == (None,) * 4
    assert prediction.server_timing == {}


def test_a_batch_keeps_its_order_and_its_failures() -> None:
    error = {"code": "undecodable", "detail": "a truncated PNG", "status": 422, "title": "Not decodable"}
    items = [FOUR, {"error": error, "name": "b.png"}, FOUR | {"digit": 9, "name": "c.png"}]
    four, failed, nine = answers.predictions(response({"predictions": items, "model": MODEL}), 3)
    assert isinstance(four, api.Prediction)
    assert isinstance(nine, api.Prediction)
    assert (four.digit, four.name, four.model.version) == (4, None, "1")
    assert (nine.digit, nine.name) == (9, "c.png")
    assert failed == api.ItemError(422, "undecodable", "a truncated PNG", "Not decodable", "b.png")


def test_models_keep_all_that_was_said_of_them() -> None:
    body = {"models": [{"name": "digits", "version": 2, "default": True, "provider": "CPUExecutionProvider"}]}
    (model,) = answers.models(response(body))
    assert (model.name, model.version, model.default) == ("digits", "2", True)
    assert model.details["provider"] == "CPUExecutionProvider"


@pytest.mark.parametrize("body", [None, 4, [], {}, "text", FOUR, FOUR | {"model": None}, {"model": MODEL}])
def test_another_services_answer_is_an_invalid_answer(body: Any) -> None:
    for read in (answers.prediction, answers.predictions, answers.models):
        with pytest.raises(api.InvalidAnswer, match="check base_url") as failed:
            read(response(body, X_Request_ID="abc"))
        assert (failed.value.status, failed.value.request_id) == (200, "abc")


def test_html_is_an_invalid_answer() -> None:
    page = httpx.Response(200, html="<h1>It works!</h1>")
    with pytest.raises(api.InvalidAnswer, match="got text/html; charset=utf-8"):
        answers.prediction(page)


def test_a_seen_picture_that_is_not_base64_is_an_invalid_answer() -> None:
    with pytest.raises(api.InvalidAnswer):
        answers.prediction(response(FOUR | {"model": MODEL, "seen": "not base64!"}))


def test_a_batch_with_an_answer_missing_is_an_invalid_answer() -> None:
    with pytest.raises(api.InvalidAnswer, match="1 predictions for 2 images"):
        answers.predictions(response({"predictions": [FOUR], "model": MODEL}), 2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, api.BadRequest),
        (401, api.Unauthorized),
        (403, api.Forbidden),
        (404, api.NotFound),
        (405, api.ServiceError),
        (413, api.TooLarge),
        (415, api.UnsupportedMediaType),
        (418, api.ServiceError),
        (422, api.Undecodable),
        (429, api.TooBusy),
        (500, api.InternalError),
        (502, api.InternalError),
        (503, api.Unavailable),
        (504, api.DeadlineExceeded),
    ],
)
def test_a_problem_becomes_its_exception(status: int, kind: type[Any]) -> None:
    body = {"status": status, "code": "queue_full", "detail": "256 wait", "request_id": "abc"}
    error = answers.failure(response(body, status, Retry_After="2"), NOW)
    assert error is not None
    assert type(error) is kind
    assert (error.status, error.code, error.detail) == (status, "queue_full", "256 wait")
    assert (error.request_id, error.retry_after) == ("abc", 2.0)
    assert str(error) == f"256 wait ({status} queue_full, request abc)"


@pytest.mark.parametrize("content", [b"<html>nginx</html>", b"[]", b"", b"\xff\xfe\xfd", b"{"])
def test_an_error_from_a_proxy_still_tells_what_came(content: bytes) -> None:
    error = answers.failure(httpx.Response(502, content=content), NOW)
    assert type(error) is api.InternalError
    assert error.code == "http_502"
    assert "expected problem+json; got Bad Gateway" in error.detail


def test_a_redirect_says_where_to() -> None:
    error = answers.failure(httpx.Response(308, headers={"Location": "https://host/v1/predict"}), NOW)
    assert error is not None
    assert error.detail == "redirected to https://host/v1/predict; use that address as base_url"


def test_a_good_answer_is_no_failure() -> None:
    assert answers.failure(httpx.Response(200), NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 0.25 ", 0.25),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_both_forms_of_retry_after(value: str, seconds: float | None) -> None:
    assert answers.retry_after(httpx.Headers({"Retry-After": value}), NOW) == seconds


def test_a_date_is_taken_against_the_answers_own_clock() -> None:
    headers = {"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT", "Date": "Tue, 14 Nov 2023 22:13:25 GMT"}
    assert answers.retry_after(httpx.Headers(headers), NOW + 3600) == 5.0


def test_without_the_header_there_is_nothing_to_obey() -> None:
    assert answers.retry_after(httpx.Headers(), NOW) is None


@pytest.mark.parametrize(
    ("header", "stages"),
    [
        ("", {}),
        ("read;dur=0.1, decode;dur=2", {"read": 0.1, "decode": 2.0}),
        ('infer;desc="batch of 7, dur=9; dur=8";dur=1.5,encode;dur="0.2"', {"infer": 1.5, "encode": 0.2}),
        ("cache;desc=hit, queue ; DUR = 3", {"queue": 3.0}),
        ("read;dur=., decode;dur=1.2.3, queue;dur=abc, infer;dur=4", {"infer": 4.0}),
    ],
)
def test_server_timing_in_milliseconds(header: str, stages: dict[str, float]) -> None:
    assert answers.server_timing(header) == stages


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_no_header_breaks_the_parsers(text: str) -> None:
    assert all(duration >= 0 for duration in answers.server_timing(text).values())
    seconds = answers.retry_after(httpx.Headers([(b"Retry-After", text.encode("latin-1"))]), NOW)
    assert seconds is None or seconds >= 0


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(0, 10**9)))
def test_server_timing_reads_back_what_was_written(micros: dict[str, int]) -> None:
    header = ", ".join(f'{stage};desc="a, b";dur={count / 1000:.3f}' for stage, count in micros.items())
    assert answers.server_timing(header) == {stage: count / 1000 for stage, count in micros.items()}
