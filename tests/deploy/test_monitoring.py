"""What Prometheus and the dashboard ask is there, and each alert fires when it should, and only then."""

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from PIL import Image

from app.tasks.digits import strokes
from tests.conftest import Process, free_port, wait_until
from tests.deploy.alerts import CASES, Case
from tests.deploy.monitoring import DASHBOARD, FILES, RULES, alerts, expressions, variables
from tests.pictures import encoded

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian's package has it)"
)
WITHIN = 30.0  # seconds for all to have data
BURST = 600  # images, more than a caller may send at once here


@pytest.fixture(scope="module")
def service() -> Iterator[Process]:
    environment = {
        "DIGITSERVE_GOLDEN_SECONDS": "0.5",
        "DIGITSERVE_ACCESS_LINES": "0",
        "DIGITSERVE_RATE_IMAGES_PER_SECOND": str(BURST / 2),
        "DIGITSERVE_DRAIN_SECONDS": "0",
    }
    running = Process(free_port(), "--workers", "2", **environment)
    running.wait_until_ready()
    yield running
    running.end()


@pytest.fixture(scope="module")
def prometheus(service: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The real one, which looks each second, with the real rules."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "interval": "1s", "rules": RULES}]}))
    target = {"job_name": "digitserve", "static_configs": [{"targets": [service.url.removeprefix("http://")]}]}
    asked = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yml"], "scrape_configs": [target]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(asked))
    address = f"127.0.0.1:{free_port()}"
    options = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder / "data"}
    options |= {"web.listen-address": address, "log.level": "error"}
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
    with subprocess.Popen(command) as running, httpx.Client(base_url=f"http://{address}/api/v1") as client:
        try:
            wait_until(lambda: _answers(client))
            yield client
        finally:
            running.terminate()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/query", params={"query": "up"}).is_success
    except httpx.TransportError:
        return False


def data_of(prometheus: httpx.Client, expression: str) -> list[float]:
    """What it has to say just now."""
    answer = prometheus.get("/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    values = [float(one["value"][1]) for one in answer["data"]["result"]]
    return [value for value in values if not math.isnan(value)]


def use(service: Process) -> None:
    """Once of all that is counted: digits, pictures, numbers, what is refused, and what comes too late."""
    raw, png = {"Content-Type": "application/octet-stream"}, {"Content-Type": "image/png"}
    picture = encoded(Image.fromarray(255 - strokes.render(4, size=280)))
    frame = strokes.render(7).tobytes()
    with httpx.Client(base_url=service.url) as client:
        statuses = [
            client.post("/v1/predict", content=frame, headers=raw).status_code,
            client.post("/v1/predict", content=picture, headers=png).status_code,
            client.post("/v1/read", content=picture, headers=png).status_code,
            client.post("/v1/predict", content=b"short", headers=raw).status_code,
            client.post("/v1/predict/batch", content=frame * BURST, headers=raw).status_code,
            client.post("/v1/read", content=picture, headers={**png, "X-Deadline-Ms": "0.001"}).status_code,
        ]
    assert set(statuses) <= {200, 422, 429, 504}


def test_all_that_rules_and_panels_ask_for_is_there(service: Process, prometheus: httpx.Client) -> None:
    missing, deadline = expressions(), time.monotonic() + WITHIN
    with ThreadPoolExecutor(4) as pool:
        while missing and time.monotonic() < deadline:
            list(pool.map(use, [service] * 4))
            missing = {name: one for name, one in missing.items() if not data_of(prometheus, one)}
    assert missing == {}
    asked = sum(len(panel.get("targets", ())) for panel in DASHBOARD["panels"])
    assert len(expressions()) == asked + len(RULES)


def test_the_dashboards_variables_are_filled(service: Process, prometheus: httpx.Client) -> None:
    use(service)
    for query in variables().values():
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
        assert found
        metric, label = found[1].replace("$job", ".*"), found[2]
        wait_until(partial(data_of, prometheus, metric))
        answer = prometheus.get(f"/label/{label}/values", params={"match[]": metric}).json()
        assert answer["data"] or label == "namespace"  # which Kubernetes alone has


def test_panels_are_of_kinds_and_places_that_grafana_knows() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} <= {"row", "timeseries", "table"}
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_each_alert_has_its_cases() -> None:
    assert set(CASES) == set(alerts())
    for rule in alerts().values():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("is_firing", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_only_then(name: str, is_firing: bool, tmp_path: Path) -> None:
    case: Case = CASES[name]
    series = [{"series": one, "values": values} for one, values in (case.firing if is_firing else case.silent).items()]
    expected: list[dict[str, Any]] = [{"labels": "{}", "value": 1}] if is_firing else []
    asked = {
        "expr": f'max(ALERTS{{alertname="{name}", alertstate="firing"}})',
        "eval_time": case.after,
        "exp_samples": expected,
    }
    test = {"interval": case.interval, "input_series": series, "promql_expr_test": [asked]}
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(FILES / "rules.yml")], "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_pass_promtool() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(FILES / "rules.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
