"""Alerts, dashboard and KEDA's query ask for metrics that the service has, in queries that Prometheus understands."""

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
METRIC = re.compile(r"\bdigitserve_\w+")
STAGE = re.compile(r'\b(digitserve_\w+)\{stage="(\w+)"')
PNG = {"Content-Type": "image/png"}
EXAMPLES = {name: ("--values", str(CHART / "examples" / f"{name}.yaml")) for name in ("keda", "monitoring")}


def queries() -> dict[str, list[str]]:
    rules = chart.one("PrometheusRule", *EXAMPLES["monitoring"])["spec"]["groups"]
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    (waits, _) = chart.one("ScaledObject", *EXAMPLES["keda"])["spec"]["triggers"]
    return {
        "rules": [rule["expr"] for group in rules for rule in group["rules"]],
        "dashboard": [target["expr"] for panel in panels for target in panel.get("targets", [])],
        "keda": [waits["metadata"]["query"]],
    }


def sample_names() -> set[str]:
    """Of all metrics, as /metrics writes them."""
    metrics = Metrics(CollectorRegistry())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {metric.name + end for metric in metrics.registry.collect() for end in suffixes[metric.type]}


@pytest.mark.parametrize("place", ["rules", "dashboard", "keda"])
def test_every_metric_that_is_asked_for_exists(place: str) -> None:
    asked = {name for query in queries()[place] for name in METRIC.findall(query)}
    assert asked
    assert asked <= sample_names()


def test_every_stage_that_is_asked_for_is_counted(client: httpx.Client) -> None:
    """A stage that no series has would be no error to Prometheus, but silence."""
    asked = {found for these in queries().values() for query in these for found in STAGE.findall(query)}
    assert asked
    answer = client.post("/v1/predict", content=(ROOT / "examples" / "7.png").read_bytes(), headers=PNG)
    assert answer.status_code == 200
    wait_until(lambda: 'stage="queue"' in client.get("/metrics").text)
    shown = set(re.findall(r'^(digitserve_\w+)\{stage="(\w+)"[,}]', client.get("/metrics").text, re.MULTILINE))
    assert asked <= shown


def test_prometheus_understands_them(tmp_path: Path) -> None:
    alerts = [
        {"alert": "A", "expr": query.replace("$__rate_interval", "5m")} for q in queries().values() for query in q
    ]
    for name, text in {
        "rules.yml": (FILES / "rules.yml").read_text(),
        "queries.yml": yaml.safe_dump({"groups": [{"name": "all", "rules": alerts}]}),
        "prometheus.yml": (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(),
    }.items():
        (tmp_path / name).write_text(text)
    for check in (["rules", "rules.yml"], ["rules", "queries.yml"], ["config", "prometheus.yml"]):
        done = promtool("check", *check, folder=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout


def promtool(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here; Debian's package prometheus has it")
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("seconds", "requests", "mean"), [(12, 60, 0.2), (0, 60, 0), (0, 0, 0), (None, None, 0)])
def test_kedas_query_is_the_mean_wait_and_0_where_none_is(
    tmp_path: Path, seconds: int | None, requests: int | None, mean: float
) -> None:
    """By a minute's seconds and requests of this release; another's are there, too."""
    (query,) = queries()["keda"]
    release = f'stage="queue",namespace="{chart.NAMESPACE}",service="{chart.one("Service")["metadata"]["name"]}"'
    other = 'stage="queue",namespace="there",service="mine-digitserve"'
    counted = {("sum", other): 600, ("count", other): 6}
    if seconds is not None and requests is not None:
        counted |= {("sum", release): seconds, ("count", release): requests}
    series = [
        {"series": f"digitserve_stage_seconds_{what}{{{labels}}}", "values": f"0+{more}x10"}
        for (what, labels), more in counted.items()
    ]
    expected = {"expr": query, "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": mean}]}
    test = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [expected]}]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout


def test_compose_and_chart_have_the_same_rules() -> None:
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["volumes"]
    (mounted,) = (mount.split(":") for mount in mounts if "rules.yml" in mount)
    configuration = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert (ROOT / mounted[0]).samefile(FILES / "rules.yml")
    assert [f"/etc/prometheus/{name}" for name in configuration["rule_files"]] == [mounted[1]]
    assert chart.one("PrometheusRule", *EXAMPLES["monitoring"])["spec"] == yaml.safe_load(
        (FILES / "rules.yml").read_text()
    )


def test_the_dashboard_comes_as_it_is() -> None:
    made = chart.one("ConfigMap", *EXAMPLES["monitoring"])
    assert json.loads(made["data"]["digitserve.json"]) == json.loads((FILES / "dashboard.json").read_text())
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_where_keys_are_asked_for_prometheus_needs_one() -> None:
    keys, monitor = {"secret": "digitserve-keys"}, {"serviceMonitor": {"enabled": True}}
    refused = chart.template(*chart.changed(apiKeys=keys, monitoring=monitor))
    assert "set monitoring.serviceMonitor.keySecret.name" in refused.stderr
    (endpoint,) = chart.one("ServiceMonitor", *EXAMPLES["monitoring"])["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "digitserve-metrics", "key": "key"}}
