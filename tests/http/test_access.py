"""The access log: who asked what and what came of it, within bounds."""

import timeit
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.http.access import BURST_SECONDS, AccessLog
from app.http.exchange import Exchange
from tests.conftest import DIGITS, Serve

RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
KEY = "the-right-one-000"


def lines(logged: list[Any]) -> list[dict[str, Any]]:
    return [line for line in logged if line["event"] == "request"]


def answered(status: int) -> Exchange:
    scope = {"method": "POST", "path": "/", "query_string": b"", "headers": [], "client": ("192.0.2.1", 1)}
    exchange = Exchange(scope, lambda: False)
    exchange.status = status
    return exchange


def test_a_request_of_every_lane_leaves_a_line(serve: Serve) -> None:
    with capture_logs() as logged, serve(api_keys=[{"key": KEY}]) as client:
        client.headers.update({"X-API-Key": KEY})
        answers = [
            client.post("/v1/predict?include=seen", content=FRAME, headers=RAW),  # whole
            client.post("/v1/predict/batch", content=FRAME, headers=RAW),  # hot
            client.get("/v1/models/digits"),  # the framework's
            client.post("/v1/predict", content=b"short", headers=RAW),
            client.get("/v1/models", headers={"X-API-Key": "a-wrong-one"}),
            client.get("/made/up"),
            client.request("DELETE", "/v1/models"),
        ]
    told = lines(logged)
    assert [line["request_id"] for line in told] == [answer.headers["X-Request-ID"] for answer in answers]
    assert [line["status"] for line in told] == [200, 200, 200, 422, 401, 404, 405]
    assert [line["route"] for line in told] == [
        "/v1/predict",
        "/v1/predict/batch",
        "/v1/models/{name}",
        "/v1/predict",
        "/v1/models",
        "unmatched",
        "/v1/models",
    ]
    first = told[0]
    assert (first["model"], first["decision"]) == (f"digits/{DIGITS.name}", answers[0].json()["decision"])
    assert (first["method"], first["caller"]) == ("POST", "127.0.0.1")
    assert 0 < first["seconds"] < 5
    assert not any(secret in str(told) for secret in (KEY, "a-wrong-one", "include", "made"))


def test_a_flood_fills_no_disk_and_hides_no_failure() -> None:
    access = AccessLog(5)
    with capture_logs() as logged:
        for _ in range(10_000):
            access.note(answered(401), "POST", 0.001)
        access.note(answered(500), "POST", 0.001)
        access.note(answered(200), "POST", 0.001)
    told = lines(logged)
    assert [line["status"] for line in told[-2:]] == [500, 200]
    assert len(told) <= 5 * (BURST_SECONDS + 5)  # what may come at once, and what time has passed
    kept = len(told) - 2
    with capture_logs() as later:
        access.note(answered(401), "POST", 60.0)  # a minute on
    assert later[0]["left_out"] == 10_000 - kept


def test_lines_come_at_their_rate() -> None:
    access, exchange = AccessLog(5), answered(200)
    with capture_logs() as logged:
        for hundredth in range(100 * 100):
            access.note(exchange, "POST", hundredth / 100)
    assert len(lines(logged)) == pytest.approx(5 * (100 + BURST_SECONDS), abs=2)


def test_at_zero_there_are_none(serve: Serve) -> None:
    with capture_logs() as logged, serve(access_lines=0) as client:
        assert client.get("/health/live").status_code == 200
    assert lines(logged) == []


def test_what_is_left_out_costs_next_to_nothing() -> None:
    access, exchange = AccessLog(1e-9), answered(200)
    with capture_logs():
        access.note(exchange, "POST", 0.0)
    seconds = min(timeit.repeat(lambda: access.note(exchange, "POST", 0.0), number=1000, repeat=20)) / 1000
    print(f"{seconds * 1e9:.0f} ns")
    assert seconds < 1e-6
