"""Health, metrics, models, the page's files and the OpenAPI document."""

import re
import shutil
import subprocess
import time

import httpx
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.http.v1.media_types import FORM, JSON, NPY, PDF, RAW, ZIP
from app.imaging.decode import FORMATS
from app.tasks.digits import strokes
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS, Serve, wait_until
from tests.pictures import encoded

Digits = NDArray[np.uint8]


@pytest.mark.parametrize(("probe", "status"), [("live", "live"), ("ready", "ready"), ("startup", "started")])
def test_probes(client: httpx.Client, probe: str, status: str) -> None:
    answer = client.get(f"/health/{probe}")
    assert (answer.status_code, answer.json()["status"]) == (200, status)


def test_ready_is_a_real_inference(serve: Serve) -> None:
    with serve() as client:
        before = sample(client, 'digitserve_run_images_count{model="digits"}')
        client.get("/health/ready")
        assert sample(client, 'digitserve_run_images_count{model="digits"}') == before + 1


def sample(client: httpx.Client, series: str) -> float:
    found = re.search(f"^{re.escape(series)} (\\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_pass_promtool(client: httpx.Client) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    client.post("/v1/predict", content=bytes(783), headers={"Content-Type": "application/octet-stream"})
    exposition = client.get("/metrics").text
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_metrics_count_what_happened(serve: Serve, digits: Digits) -> None:
    raw = {"Content-Type": "application/octet-stream"}
    with serve() as client:
        for _ in range(3):
            client.post("/v1/predict", content=digits[0].tobytes(), headers=raw)
        client.post("/v1/predict/batch", content=digits.tobytes(), headers=raw)
        client.post("/v1/predict/batch", content=digits.tobytes(), headers=raw | {"Accept": "application/x-npy"})
        client.post("/v1/predict", content=b"short", headers=raw)
        client.get("/made/up/by/a/caller")
        expected = {
            'digitserve_requests_total{method="POST",route="/v1/predict",status="200"}': 3,
            'digitserve_requests_total{method="POST",route="/v1/predict",status="422"}': 1,
            'digitserve_requests_total{method="GET",route="unmatched",status="404"}': 1,
            f'digitserve_images_total{{decision="accept",model="digits",verdict="",version="{DIGITS.name}"}}': 23,
            'digitserve_errors_total{code="wrong_shape"}': 1,
            'digitserve_errors_total{code="not_found"}': 1,
            'digitserve_queue_images{model="digits"}': 0,
            'digitserve_request_seconds_count{route="/v1/predict"}': 4,
            'digitserve_stage_seconds_count{stage="infer"}': 5,
            'digitserve_run_images_sum{model="digits"}': 23,
        }
        assert {series: sample(client, series) for series in expected} == expected
        assert "made/up" not in client.get("/metrics").text


def test_pictures_are_counted_by_what_may_be_wrong_with_them(serve: Serve) -> None:
    drawn = encoded(Image.fromarray(255 - strokes.render(7, size=280)))
    series = f'digitserve_images_total{{decision="accept",model="digits",verdict="ok",version="{DIGITS.name}"}}'
    with serve() as client:
        client.post("/v1/predict", content=drawn, headers={"Content-Type": "image/png"})
        client.post("/v1/predict/batch", files=[("files", ("a.png", drawn, "image/png"))] * 2)
        assert sample(client, series) == 3


def test_the_service_watches_itself(serve: Serve) -> None:
    """All ten known digits are read right by each model."""
    golden = 'digitserve_golden_digits_total{{model="{}",outcome="{}",version="{}"}}'
    with serve(golden_seconds=0.1) as client:
        wait_until(lambda: sample(client, golden.format("mlp-128-64", "right", "1")) >= 10)
        assert sample(client, golden.format("digits", "right", DIGITS.name)) >= 10
        assert sample(client, golden.format("digits", "wrong", DIGITS.name)) == 0
        assert sample(client, "digitserve_worker_starts_total") == 1
        assert psutil.Process().create_time() - 1 < (sample(client, "digitserve_start_time_seconds") or 0) < time.time()
        assert 30e6 < (sample(client, "digitserve_worker_memory_bytes") or 0) < 4e9


@pytest.mark.parametrize("side", [90, 900])  # on the event loop, and elsewhere
def test_the_stages_of_a_refusal_are_timed_too(serve: Serve, side: int) -> None:
    blank = encoded(Image.new("L", (side, side), 255))
    with serve() as client:
        answer = client.post("/v1/predict", content=blank, headers={"Content-Type": "image/png"})
        assert answer.json()["code"] == "no_ink"
        assert "normalise;dur=" in answer.headers["Server-Timing"]
        assert sample(client, 'digitserve_stage_seconds_count{stage="normalise"}') == 1


def test_models(client: httpx.Client) -> None:
    models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert models["digits"]["default"]
    assert not models["mlp-128-64"]["default"]
    assert models["digits"]["provider"] == "CPUExecutionProvider"
    assert models["digits"]["sha256"] == read_bundle(DIGITS).manifest.model_sha256


def test_a_model_card_is_the_manifest(client: httpx.Client) -> None:
    manifest = read_bundle(DIGITS).manifest.model_dump(mode="json")
    assert client.get("/v1/models/digits").json() == manifest
    assert client.get("/v1/models/digits/versions/" + DIGITS.name).json() == manifest


def test_openapi_names_every_body_and_every_error(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    single, batch = paths["/v1/predict"]["post"], paths["/v1/predict/batch"]["post"]
    assert set(single["requestBody"]["content"]) == {*FORMATS, RAW, NPY, FORM, JSON}
    assert set(batch["requestBody"]["content"]) == {RAW, NPY, FORM, JSON, ZIP} | {PDF} & set(FORMATS)
    for operation in (single, batch):
        assert set(operation["responses"]) >= {
            "200",
            "400",
            "401",
            "403",
            "404",
            "413",
            "415",
            "422",
            "429",
            "503",
            "504",
        }
    assert {"/health/ready", "/metrics", "/v1/models/{name}/versions/{version}"} <= set(paths)


def test_every_reference_in_openapi_leads_somewhere(client: httpx.Client) -> None:
    text = client.get("/openapi.json").text
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= set(schemas)


def test_the_documentation_takes_nothing_from_outside(client: httpx.Client) -> None:
    page = client.get("/docs").text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert files
    assert {client.get(f"/{file}").status_code for file in files} == {200}


def test_the_page_lets_in_nothing_foreign(client: httpx.Client) -> None:
    for path in ("/", "/static/page.js", "/static/page.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
