"""What the chart makes of rules and dashboard, and what KEDA asks Prometheus."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.telemetry.metrics import Metrics
from tests.conftest import ROOT, wait_until
from tests.deploy import chart
from tests.deploy.chart import CHART

FILES = CHART / "files"
KEDA, MONITORING = (("--values", str(CHART / "examples" / f"{name}.yaml")) for name in ("keda", "monitoring"))


def kedas_query() -> str:
    (waits, _) = chart.one("ScaledObject", *KEDA)["spec"]["triggers"]
    query: str = waits["metadata"]["query"]
    return query


def sample_names() -> set[str]:
    """Of all metrics, as /metrics writes them."""
    metrics = Metrics(CollectorRegistry())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {metric.name + end for metric in metrics.registry.collect() for end in suffixes[metric.type]}


def test_keda_asks_for_what_the_service_counts(client: httpx.Client) -> None:
    """A name or a stage that no series has would be no error to Prometheus, but silence."""
    asked = set(re.findall(r'\b(digitserve_\w+)\{stage="(\w+)"', kedas_query()))
    assert {name for name, _ in asked} == set(re.findall(r"\bdigitserve_\w+", kedas_query())) <= sample_names()
    picture = (ROOT / "examples" / "7.png").read_bytes()
    assert client.post("/v1/predict", content=picture, headers={"Content-Type": "image/png"}).status_code == 200
    wait_until(lambda: 'stage="queue"' in client.get("/metrics").text)
    shown = set(re.findall(r'^(digitserve_\w+)\{stage="(\w+)"[,}]', client.get("/metrics").text, re.MULTILINE))
    assert asked <= shown


@pytest.mark.parametrize(("seconds", "requests", "mean"), [(12, 60, 0.2), (0, 60, 0), (0, 0, 0), (None, None, 0)])
def test_kedas_query_is_the_mean_wait_and_0_where_none_is(
    tmp_path: Path, seconds: int | None, requests: int | None, mean: float
) -> None:
    """By a minute's seconds and requests of this release; another's are there, too."""
    if shutil.which("promtool") is None:  # a program of the system's, which `make test` cannot install
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    name = chart.one("Service")["metadata"]["name"]
    other = f'stage="queue",namespace="there",service="{name}"'
    counted = {("sum", other): 600, ("count", other): 6}
    if seconds is not None and requests is not None:
        release = f'stage="queue",namespace="{chart.NAMESPACE}",service="{name}"'
        counted |= {("sum", release): seconds, ("count", release): requests}
    series = [
        {"series": f"digitserve_stage_seconds_{what}{{{labels}}}", "values": f"0+{more}x10"}
        for (what, labels), more in counted.items()
    ]
    expected = {"expr": kedas_query(), "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": mean}]}
    test = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [expected]}]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    command = ["promtool", "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_rules_and_dashboard_come_as_they_are() -> None:
    rules = yaml.safe_load((FILES / "rules.yml").read_text())
    assert chart.one("PrometheusRule", *MONITORING)["spec"] == rules
    made = chart.one("ConfigMap", *MONITORING)
    assert json.loads(made["data"]["digitserve.json"]) == json.loads((FILES / "dashboard.json").read_text())
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_compose_has_the_same_rules_and_dashboard() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = [mount.split(":") for name in ("prometheus", "grafana") for mount in services[name]["volumes"]]
    inside = {(ROOT / mount[0]).resolve(): mount[1] for mount in mounts}
    configuration = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert configuration["rule_files"] == [inside[FILES / "rules.yml"]]
    assert FILES / "dashboard.json" in inside


def test_where_keys_are_asked_for_prometheus_needs_one() -> None:
    keys, monitor = {"secret": "digitserve-keys"}, {"serviceMonitor": {"enabled": True}}
    refused = chart.template(*chart.changed(apiKeys=keys, monitoring=monitor))
    assert "set monitoring.serviceMonitor.keySecret.name" in refused.stderr
    (endpoint,) = chart.one("ServiceMonitor", *MONITORING)["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "digitserve-metrics", "key": "key"}}


def test_alerts_look_for_jobs_that_are_called_as_releases_are() -> None:
    """A job is called as its Service is."""
    looked_for = set(re.findall(r'up\{job=~"(.+?)"\}', (FILES / "rules.yml").read_text()))
    assert looked_for
    assert all(re.fullmatch(pattern, chart.one("Service")["metadata"]["name"]) for pattern in looked_for)
