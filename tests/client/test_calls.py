"""Requests as values."""

import httpx
import numpy as np
import pytest
from digitserve_client import calls, images
from digitserve_client.calls import Call, Options
from digitserve_client.images import Part


def test_one_image_is_the_whole_body() -> None:
    call = calls.predict(Part(b"png", "image/png", "seven.png"), Options())
    assert call.arguments() == {
        "method": "POST",
        "url": "/v1/predict",
        "params": {},
        "headers": {"Content-Type": "image/png"},
        "content": b"png",
    }


def test_options_become_the_query() -> None:
    options = Options(model="digits", version=2, include_seen=True)
    assert options.query() == {"model": "digits", "version": "2", "include": "seen"}
    assert Options().query() == {}


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_in_the_past_is_refused(deadline: float) -> None:
    with pytest.raises(ValueError, match="expected deadline_ms over 0"):
        Options(deadline_ms=deadline)


def test_frames_are_one_raw_body() -> None:
    call = calls.predict_batch(images.joined([images.encode(np.zeros((28, 28), np.uint8))] * 3), Options())
    assert (call.path, call.headers) == ("/v1/predict/batch", {"Content-Type": "application/octet-stream"})
    assert call.arguments()["content"] == bytes(3 * 784)


def test_a_mixed_batch_is_multipart_with_many_files() -> None:
    parts = (Part(bytes(784), "application/octet-stream"), Part(b"GIF89a", "image/gif", "née.gif"))
    arguments = calls.predict_batch(parts, Options()).arguments()
    assert arguments["headers"] == {}, "httpx adds the boundary"
    assert arguments["files"] == [
        ("files", (None, bytes(784), "application/octet-stream")),
        ("files", ("née.gif", b"GIF89a", "image/gif")),
    ]


@pytest.mark.parametrize(("seconds", "sent"), [(1.5, "1500"), (0.0004, "1"), (float("inf"), None)])
def test_a_call_says_what_is_left_of_its_deadline(seconds: float, sent: str | None) -> None:
    call = Call("POST", "/v1/predict", headers={"Content-Type": "image/png"}).within(seconds)
    assert call.headers.get("X-Deadline-Ms") == sent
    assert call.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("base_url", ["localhost:8000", "", "ftp://host", "http://", "http://host:port", "/v1"])
def test_what_is_no_address_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match="expected base_url like http"):
        calls.address(base_url)


def test_a_service_may_live_under_a_path() -> None:
    assert calls.address("https://host/digits") == httpx.URL("https://host/digits")


def test_the_key_goes_as_a_bearer_token_and_only_when_there_is_one() -> None:
    assert calls.common_headers("secret")["Authorization"] == "Bearer secret"
    assert "Authorization" not in calls.common_headers(None)
