"""A pod may do no more than it needs, is asked as it can answer, and has the time that it takes to end."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.http.lifecycle import LAST_ACCEPTS_SECONDS
from app.http.system import READY_WITHIN
from app.supervisor import LOADING
from tests.conftest import ROOT, Process, free_port
from tests.deploy import chart
from tests.deploy.chart import CHART, VALUES, Resource, every_values

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@every_values
def test_a_pod_may_do_no_more_than_it_needs(options: tuple[str, ...]) -> None:
    """What the Pod Security Standard `restricted` asks for, and a root that nobody writes to."""
    pods = chart.pods(*options)
    assert pods
    for pod in pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(volume.keys() & {"emptyDir", "persistentVolumeClaim"} for volume in pod.get("volumes", []))
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["runAsNonRoot"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["privileged"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {"requests", "limits"} == set(container["resources"])
            assert "memory" in container["resources"]["limits"]


@every_values
def test_no_pod_is_handed_a_token_or_others_addresses(options: tuple[str, ...]) -> None:
    pods = [pod for pod in chart.pods(*options) if "supportedModelFormats" not in pod]
    if "kserve" in options[1]:
        pods.append(chart.one("InferenceService", *options)["spec"]["predictor"])
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False


def test_nobody_is_reached_and_only_the_services_ports_are() -> None:
    policy = chart.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"protocol": "TCP", "port": "http"}]]
    (names,) = policy["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert names["to"]
    closed = chart.one("NetworkPolicy", *chart.changed(network={"dns": False}))["spec"]
    assert (closed["policyTypes"], "egress" in closed) == (["Ingress", "Egress"], False)


def test_where_some_may_come_in_the_charts_own_test_may_too() -> None:
    options = ("--values", str(CHART / "examples" / "claim.yaml"))
    peers = chart.one("NetworkPolicy", *options)["spec"]["ingress"][0]["from"]
    (test,) = (resource for resource in chart.rendered(*options) if chart.is_test(resource))
    chosen = [peer["podSelector"]["matchLabels"] for peer in peers if "podSelector" in peer]
    assert len(peers) == 2
    assert chosen[0].items() <= test["metadata"]["labels"].items()


def test_user_port_and_models_are_the_images() -> None:
    (pod, _) = chart.pods()
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == [str(pod["securityContext"]["runAsUser"])]
    assert re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE) == [chart.environment()["DIGITSERVE_PORT"]]
    assert f"DIGITSERVE_MODELS={chart.environment()['DIGITSERVE_MODELS']} " in DOCKERFILE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart.server()["image"].partition(":")[2] == project["version"]


def test_the_platform_may_choose_the_user() -> None:
    (pod, _) = chart.pods(*chart.changed(user=None))
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"])
    assert "runAsUser" not in chart.server(*chart.changed(user=None))["securityContext"]


def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    assert chart.server(*chart.changed(image={"tag": "1", "digest": digest}))["image"] == f"digitserve@{digest}"


def test_there_is_a_worker_for_each_core_that_a_pod_may_use() -> None:
    """The service counts them by the limit; without one it would count the node's."""
    assert "DIGITSERVE_WORKERS" not in chart.environment()
    assert chart.environment(*chart.changed(workers=3))["DIGITSERVE_WORKERS"] == "3"
    refused = chart.template(*chart.changed(resources={"limits": {"cpu": None}}))
    assert "set workers or resources.limits.cpu" in refused.stderr


@pytest.mark.parametrize("drain", [{}, {"forgetSeconds": 0}, {"closeSeconds": 2.5, "graceSeconds": 90}])
@pytest.mark.parametrize("kserve", [False, True])
def test_a_pod_has_the_time_that_it_takes_to_end(drain: dict[str, Any], kserve: bool) -> None:
    options = chart.changed(drain=drain, kserve={"enabled": kserve})
    if kserve:
        whole = chart.one("InferenceService", *options)["spec"]["predictor"]["terminationGracePeriodSeconds"]
    else:
        whole = chart.pods(*options)[0]["terminationGracePeriodSeconds"]
    told, container = chart.environment(*options), chart.server(*options)
    forgets = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    closes, grace = float(told["DIGITSERVE_DRAIN_SECONDS"]), float(told["DIGITSERVE_GRACE_SECONDS"])
    assert whole >= forgets + closes + LAST_ACCEPTS_SECONDS + grace
    given = {"forgetSeconds": 5, "closeSeconds": 1, "graceSeconds": 30} | drain
    assert (forgets + closes, grace) == (given["forgetSeconds"] + given["closeSeconds"], given["graceSeconds"])


@every_values
def test_probes_leave_the_service_the_time_that_it_takes_itself(options: tuple[str, ...]) -> None:
    start, live, ready = (chart.server(*options)[probe] for probe in PROBES)
    stall = Settings(models=ROOT / "models").stall_seconds
    assert start["periodSeconds"] * start["failureThreshold"] >= LOADING * stall
    assert live["periodSeconds"] * live["failureThreshold"] > stall
    assert ready["timeoutSeconds"] > READY_WITHIN


@pytest.fixture(scope="module")
def service() -> Iterator[Process]:
    """The service, told what the chart tells it but for where it listens and where the models are."""
    process = Process(free_port(), **chart.environment())
    process.wait_until_ready()
    yield process
    process.end()


class TestRunning:
    @pytest.mark.parametrize("probe", PROBES)
    def test_probes_are_answered(self, service: Process, probe: str) -> None:
        for values in VALUES:
            path = chart.server("--values", str(values))[probe]["httpGet"]["path"]
            assert httpx.get(service.url + path).status_code == 200

    def test_the_charts_own_test_passes(self, service: Process) -> None:
        assert run_test(service.url).returncode == 0

    def test_the_charts_own_test_fails_where_nothing_serves(self) -> None:
        assert run_test(f"http://127.0.0.1:{free_port()}").returncode == 1

    def test_prometheus_finds_its_page(self, service: Process) -> None:
        options = ("--values", str(CHART / "examples" / "monitoring.yaml"))
        (endpoint,) = chart.one("ServiceMonitor", *options)["spec"]["endpoints"]
        assert "digitserve_" in httpx.get(service.url + endpoint["path"]).text


def run_test(url: str) -> "subprocess.CompletedProcess[bytes]":
    """What `helm test` runs, against an address."""
    (test,) = (resource for resource in chart.rendered() if chart.is_test(resource))
    container: Resource = test["spec"]["containers"][0]
    assert container["env"][0]["name"] == "URL"
    assert container["command"][0] == "python"
    command = [sys.executable, *container["command"][1:], *container["args"]]
    return subprocess.run(command, env={"URL": url}, capture_output=True, check=False)
