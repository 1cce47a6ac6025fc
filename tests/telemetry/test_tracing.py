"""Traces: which requests are traced, and what a collector is told of them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import Process, free_port, serving, wait_until
from tests.telemetry.collector import collecting, said

Start = Callable[..., Process]
RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


def predict(client: httpx.Client, traceparent: str | None = None, content: bytes = FRAME) -> httpx.Response:
    headers = RAW if traceparent is None else {**RAW, "traceparent": traceparent}
    return client.post("/v1/predict", content=content, headers=headers)


def test_a_sampled_request_is_traced_stage_by_stage() -> None:
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url) as client:
            assert predict(client, SAMPLED).status_code == 200
        (request,) = collector.named("POST /v1/predict")
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
        told = said(request)
        assert told["http.response.status_code"] == 200
        assert (told["digitserve.model"], told["digitserve.rows"]) == ("digits/3", 1)
        stages = [span for span in collector.spans if span.parent_span_id == request.span_id]
        assert {"read", "queue", "infer", "run"} <= {span.name for span in stages}
        assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
        for span in stages:
            assert request.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert max(span.end_time_unix_nano for span in stages) <= request.end_time_unix_nano + 1e6
        (run,) = collector.named("run")
        assert [link.span_id for link in run.links] == [request.span_id]


def test_all_others_are_not() -> None:
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url) as client:
            assert predict(client).status_code == 200
            wrong = predict(client, UNSAMPLED, b"short")
            assert wrong.json()["trace_id"] == TRACE  # that it can be found in the caller's traces and in logs
            for broken in ("", "00-0-0-01", SAMPLED.replace(TRACE, "0" * 32), f"ff{SAMPLED[2:]}", f"{SAMPLED}-more"):
                assert "trace_id" not in predict(client, broken, b"short").json()
        assert collector.spans == []


def test_a_later_version_of_the_header_may_say_more() -> None:
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url) as client:
            predict(client, f"01{SAMPLED[2:]}-more")
        assert [span.trace_id.hex() for span in collector.named("POST /v1/predict")] == [TRACE]


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 50, 50), (0.5, 10, 40)])
def test_of_requests_without_a_traceparent_a_share_is_traced(share: float, least: int, most: int) -> None:
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url, trace_share=share) as client:
            for _ in range(50):
                predict(client)
            predict(client, UNSAMPLED)
        traced = collector.named("POST /v1/predict")
        assert least <= len(traced) <= most
        assert len({span.trace_id for span in traced}) == len(traced)


def test_requests_that_share_a_run_are_linked_to_it() -> None:
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url, trace_share=1) as client:
            threads = [threading.Thread(target=lambda: [predict(client) for _ in range(25)]) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        requests = {span.span_id for span in collector.named("POST /v1/predict")}
        links = [link.span_id for run in collector.named("run") for link in run.links]
        assert len(requests) == 200
        assert sorted(links) == sorted(requests)  # each is served by one run


def test_two_workers_lose_no_span(process: Start) -> None:
    with collecting() as collector:
        running = process("--workers", "2", DIGITSERVE_OTLP_ENDPOINT=collector.url, DIGITSERVE_ACCESS_LINES="0")
        running.wait_until_ready()
        for _ in range(40):
            with httpx.Client(base_url=running.url) as client:
                for _ in range(5):
                    assert predict(client, SAMPLED).status_code == 200
        running.terminate()
        assert running.wait()[0] == 0
        assert len(collector.named("POST /v1/predict")) == len(collector.named("run")) == 200
        assert len(collector.instances) == 2


def test_without_a_collector_requests_are_answered(process: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = process(DIGITSERVE_OTLP_ENDPOINT=nobody, DIGITSERVE_TRACE_SHARE="1")
    running.wait_until_ready()
    with httpx.Client(base_url=running.url) as client:
        assert {predict(client).status_code for _ in range(20)} == {200}
    running.terminate()
    wait_until(lambda: not running.workers(), seconds=15)
    assert running.wait()[0] == 0


def test_a_call_over_grpc_is_traced_too() -> None:
    triton = pytest.importorskip("tritonclient.grpc")
    frames = triton.InferInput("image", [1, 28, 28], "UINT8")
    frames.set_data_from_numpy(np.zeros((1, 28, 28), np.uint8))
    port = free_port()
    with collecting() as collector:
        with serving(otlp_endpoint=collector.url, grpc_port=port), closing_client(triton, port) as client:
            client.infer("mlp-128-64", [frames], headers={"traceparent": SAMPLED})
            client.infer("mlp-128-64", [frames], headers={"traceparent": UNSAMPLED})
            client.infer("mlp-128-64", [frames])
        (call,) = [span for span in collector.spans if span.parent_span_id.hex() == PARENT]
        assert call.trace_id.hex() == TRACE
        assert call.name == "inference.GRPCInferenceService/ModelInfer"
        assert said(call)["digitserve.model"] == "mlp-128-64/1"
        assert "run" in {span.name for span in collector.spans if span.parent_span_id == call.span_id}


@contextmanager
def closing_client(triton: Any, port: int) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    try:
        yield client
    finally:
        client.close()
