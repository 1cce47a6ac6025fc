"""What was refused is not held on to: neither by its error nor until someone collects garbage."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.attack.foreign import all_models
from benchmarks.attack.named_tensors import zeros
from benchmarks.attack.request import Request
from benchmarks.attack.tensors import json_of
from tests.conftest import serving

SIZE, TIMES = 6_000_000, 10
BYTES = "application/octet-stream"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with all_models() as folder, serving(models=folder, max_run_bytes=20 * 1024 * 1024) as client:
        yield client


@pytest.fixture
def without_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collections")
@pytest.mark.parametrize(
    "refused",
    [
        Request("POST", "/v1/predict", {"Content-Type": "image/png"}, bytes(SIZE)),
        Request("POST", "/v1/predict/batch", {"Content-Type": "application/zip"}, bytes(SIZE)),
        Request("POST", "/v1/read", {"Content-Type": "image/png"}, bytes(SIZE)),
        json_of("doubled", "FP32", [1, 1], b"[" + b"0," * (SIZE // 2) + b"0]"),
        zeros([1, SIZE]),  # of 4 bytes each
    ],
    ids=["picture", "batch", "number", "JSON", "run"],
)
def test_no_refused_body_is_kept(client: httpx.Client, refused: Request) -> None:
    assert _status(client, refused) == 422
    before = _resident()
    for _ in range(TIMES):
        assert _status(client, refused) == 422
    assert _resident() - before < TIMES * SIZE / 2


def _status(client: httpx.Client, request: Request) -> int:
    return client.post(request.target, content=request.body, headers=request.headers).status_code


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
