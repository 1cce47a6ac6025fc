"""wrk itself against the service itself."""

import shutil
from typing import Any

import httpx
import pytest

from benchmarks.measure import RAW
from benchmarks.peers import PEERS, Request
from benchmarks.wrk import WrkError, closed_loop

needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None, reason="wrk is not installed; on Debian: apt-get install wrk"
)


@needs_wrk
def test_a_closed_loop(client: httpx.Client, digits: Any) -> None:
    request = Request("/v1/predict?model=mlp-128-64", RAW, digits[7].tobytes())
    measured = closed_loop(client.base_url.port or 0, request, connections=2, seconds=1, core=0)
    assert measured.rate > 100
    assert 0 < measured.p50 <= measured.p99 < 1e6


@needs_wrk
def test_failed_requests_are_no_measurement(client: httpx.Client) -> None:
    with pytest.raises(WrkError, match="requests failed"):
        closed_loop(client.base_url.port or 0, Request("/v1/predict", RAW, b"x"), connections=1, seconds=1, core=0)


def test_every_peer_asks_about_the_same_frame(digits: Any) -> None:
    frame = digits[7].tobytes()
    for peer in PEERS:
        request = peer.request(frame)
        assert request.path.startswith("/")
        assert "Content-Type" in request.headers
        assert len(request.body) >= 784
        assert peer.server.is_file()
        assert peer.interpreter is None or peer.lock.is_file()
