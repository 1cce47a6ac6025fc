"""What the metrics tell of the process itself."""

import asyncio
import time

import httpx
from prometheus_client import CollectorRegistry

from app.telemetry.metrics import Metrics


def test_a_held_event_loop_is_seen() -> None:
    registry = CollectorRegistry()

    async def hold() -> None:
        Metrics(registry).health.watch()
        await asyncio.sleep(0.05)
        time.sleep(0.3)
        await asyncio.sleep(0.05)

    asyncio.run(hold())
    longest = registry.get_sample_value("digitserve_event_loop_longest_lag_seconds")
    seen = registry.get_sample_value("digitserve_event_loop_lag_seconds_sum")
    assert longest is not None
    assert seen is not None
    assert 0.27 < longest <= seen


def test_the_service_watches_its_event_loop(client: httpx.Client) -> None:
    before = _looks(client)
    time.sleep(0.3)
    assert _looks(client) > before


def _looks(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("digitserve_event_loop_lag_seconds_count")).split()[1])
