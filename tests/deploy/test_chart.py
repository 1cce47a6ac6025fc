"""What Helm makes of the chart is what Kubernetes, its operators and the service take, for all values files."""

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.config import PREFIX, Settings
from tests.conftest import MODELS, ROOT, clients, kubernetes_program
from tests.deploy import chart
from tests.deploy.chart import CHART, VALUES, Resource, every_values

VERSIONS = ("1.31", "1.32", "1.33", "1.34")
CUSTOM = {"ScaledObject", "ServiceMonitor", "PrometheusRule", "ServingRuntime", "InferenceService"}


@every_values
def test_helm_finds_nothing_wrong(options: tuple[str, ...]) -> None:
    done = chart.helm("lint", "--strict", str(CHART), *options)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"\[(?:WARNING|ERROR)\].*", done.stdout) == []


def validated(resources: dict[str, list[Resource]], folder: Path) -> str:
    """What kubernetes-validate says of files of resources."""
    environment = os.environ | {"PYTHONPATH": str(clients("kubernetes_validate"))}
    for name, these in resources.items():
        (folder / name).write_text(yaml.safe_dump_all(these))
    versions = [option for version in VERSIONS for option in ("--kubernetes-version", version)]
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", *versions, *resources]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_kubernetes_takes_all_and_would_refuse_a_misspelt_field(tmp_path: Path) -> None:
    """Custom resources it does not know; all others it must have looked at, in each version."""
    misspelt = json.loads(json.dumps(chart.one("Deployment")))
    misspelt["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["pth"] = "/"
    resources = {path.name: chart.rendered("--values", str(path)) for path in VALUES}
    told = validated({**resources, "misspelt.yaml": [misspelt]}, tmp_path).splitlines()
    assert {line for line in told if line.startswith("INFO")} == {
        f"INFO {name} passed for resource {one['kind'].lower()}/{one['metadata']['name']} against version {version}"
        for name, these in resources.items()
        for one in these
        for version in VERSIONS
        if one["kind"] not in CUSTOM
    }
    refused = [line for line in told if not line.startswith(("INFO", "WARN"))]
    assert len(refused) == len(VERSIONS)
    assert all("misspelt.yaml" in line and "'pth' was unexpected" in line for line in refused)


def test_operators_take_their_resources() -> None:
    """By the models that packages bring of them; each is spoilt, too, and must then be refused."""
    sound = [one for path in VALUES for one in chart.rendered("--values", str(path)) if one["kind"] in CUSTOM]
    assert {one["kind"] for one in sound} == CUSTOM
    spoilt = [{**one, "spec": {**one["spec"], "misspelt": 1}} for one in sound]
    clients("cloudcoil")
    environment = os.environ | {"PYTHONPATH": str(clients("kserve"))}
    program = [sys.executable, str(Path(__file__).with_name("custom_resources.py"))]
    told = subprocess.run(
        program, input=json.dumps(sound + spoilt), env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    errors = json.loads(told.stdout)
    assert errors[: len(sound)] == [[]] * len(sound)
    assert all("misspelt" in str(one) for one in errors[len(sound) :])


@pytest.mark.parametrize("readme", [CHART / "README.md", ROOT / "README.md"], ids=["chart", "project"])
def test_what_the_readme_installs_is_taken(readme: Path) -> None:
    commands = re.findall(r"^helm install (.+)$", readme.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        name, folder, *options = shlex.split(command)
        done = chart.helm("template", name, str(ROOT / folder), *options)
        assert done.returncode == 0, done.stderr


@every_values
def test_names_lead_to_what_they_name(options: tuple[str, ...]) -> None:
    """Selectors, scaled objects, ports: nothing else tells when one of them leads nowhere."""
    if "kserve" in options[1]:
        runtime, service = chart.one("ServingRuntime", *options), chart.one("InferenceService", *options)
        assert service["spec"]["predictor"]["model"]["runtime"] == runtime["metadata"]["name"]
        return
    deployment, service = chart.one("Deployment", *options), chart.one("Service", *options)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in chart.server(*options)["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    for resource in chart.rendered(*options):
        spec = resource.get("spec", {})
        match resource["kind"]:
            case "PodDisruptionBudget":
                assert spec["selector"]["matchLabels"].items() <= labels.items()
            case "NetworkPolicy":
                assert spec["podSelector"]["matchLabels"].items() <= labels.items()
                assert {port["port"] for port in spec["ingress"][0]["ports"]} == ports
            case "HorizontalPodAutoscaler" | "ScaledObject":
                assert spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
                assert "replicas" not in deployment["spec"]
            case "ServiceMonitor":
                assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
                assert {endpoint["port"] for endpoint in spec["endpoints"]} <= ports


def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


class TestSettings:
    @every_values
    def test_the_service_takes_what_the_chart_tells_it(
        self, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It refuses a variable that is no setting, and a value out of range."""
        without_settings(monkeypatch)
        for name, value in {**chart.environment(*options), "DIGITSERVE_MODELS": str(MODELS)}.items():
            monkeypatch.setenv(name, value)
        taken = Settings()
        for name, value in yaml.safe_load(Path(options[1]).read_text()).get("settings", {}).items():
            assert getattr(taken, name) == value

    def test_keys_come_from_the_secret_that_the_readme_makes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        readme = (CHART / "README.md").read_text()
        command = re.search(r"^kubectl (create secret generic digitserve-keys .*)$", readme, re.MULTILINE)
        assert command
        made = f'"$0" {command[1]} --dry-run=client --output=json'
        done = subprocess.run(
            ["bash", "-c", made, kubernetes_program("kubectl")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        secret = json.loads(done.stdout)
        container = chart.server("--values", str(CHART / "examples" / "claim.yaml"))
        (variable,) = (one for one in container["env"] if "value" not in one)
        reference = variable["valueFrom"]["secretKeyRef"]
        assert reference["name"] == secret["metadata"]["name"]
        without_settings(monkeypatch)
        monkeypatch.setenv(variable["name"], base64.b64decode(secret["data"][reference["key"]]).decode())
        assert Settings(models=MODELS).api_keys

    def test_numbers_and_truths_are_written_as_the_service_reads_them(self) -> None:
        given = {"max_body_bytes": 33_554_432, "model_control": True, "max_wait_seconds": 0.5, "max_connections": None}
        told = chart.environment(*chart.changed(settings=given))
        assert told["DIGITSERVE_MAX_BODY_BYTES"] == "33554432"
        assert told["DIGITSERVE_MODEL_CONTROL"] == "true"
        assert told["DIGITSERVE_MAX_WAIT_SECONDS"] == "0.5"
        assert "DIGITSERVE_MAX_CONNECTIONS" not in told
