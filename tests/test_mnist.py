"""MNIST's 10,000 test images through the running service: every way in reads the same."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import chain

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference import bundle
from app.tasks.digits.manifest import read_bundle
from tests.conftest import MODELS
from tests.pictures import encoded

Mnist = tuple[NDArray[np.uint8], NDArray[np.int64]]
RAW = {"Content-Type": "application/octet-stream"}
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module", params=["digits", "mlp-128-64"])
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def accuracy(read: Iterator[int], labels: NDArray[np.int64]) -> float:
    return float(np.mean(np.fromiter(read, np.int64, len(labels)) == labels))


def one_by_one(client: httpx.Client, model: str, bodies: list[bytes], headers: dict[str, str]) -> Iterator[int]:
    """Over eight connections at once, by http.client: httpx takes longer for a request than the service."""

    def read(share: list[bytes]) -> list[int]:
        with closing(HTTPConnection(client.base_url.host, client.base_url.port)) as connection:
            return [answer(connection, body) for body in share]

    def answer(connection: HTTPConnection, body: bytes) -> int:
        connection.request("POST", f"/v1/predict?model={model}", body, headers)
        return int(json.loads(connection.getresponse().read())["digit"])

    size = -(-len(bodies) // 8)
    shares = [bodies[start : start + size] for start in range(0, len(bodies), size)]
    with ThreadPoolExecutor(len(shares)) as pool:
        yield from chain.from_iterable(pool.map(read, shares))


def test_every_way_in_has_the_manifests_accuracy(client: httpx.Client, mnist_test: Mnist, model: str) -> None:
    images, labels = mnist_test
    metrics = read_bundle(MODELS / model / bundle.versions(MODELS / model)[0]).manifest.metrics
    assert metrics is not None
    raw = accuracy(one_by_one(client, model, [image.tobytes() for image in images], RAW), labels)
    png = accuracy(one_by_one(client, model, [encoded(image) for image in images], PNG), labels)
    batch = client.post("/v1/predict/batch", params={"model": model}, content=images.tobytes(), headers=RAW).json()
    at_once = accuracy((one["digit"] for one in batch["predictions"]), labels)
    rows = client.post(
        "/v1/predict/batch",
        params={"model": model},
        content=images.tobytes(),
        headers=RAW | {"Accept": "application/x-npy"},
    )
    alone = accuracy(iter(np.load(io.BytesIO(rows.content)).argmax(axis=1)), labels)
    print(f"{model}: raw {raw:.4f}, PNG {png:.4f}, one batch {at_once:.4f}, npy {alone:.4f}")
    assert [raw, png, at_once, alone] == [metrics.accuracy] * 4
