"""The Helm chart as Helm itself renders it."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, kubernetes_program

CHART = ROOT / "deploy" / "kubernetes"
VALUES = [CHART / "values.yaml", *sorted((CHART / "examples").glob("*.yaml"))]
RELEASE, NAMESPACE = "mine", "here"
Resource = dict[str, Any]

every_values = pytest.mark.parametrize(
    "options", [("--values", str(path)) for path in VALUES], ids=lambda options: Path(options[1]).stem
)


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = str(kubernetes_program("helm"))
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def template(*options: str) -> "subprocess.CompletedProcess[str]":
    return helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *options)


@cache
def rendered(*options: str) -> list[Resource]:
    """What Helm makes of the chart, with options such as --values and its file."""
    done = template(*options)
    assert done.returncode == 0, done.stderr
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def changed(**values: Any) -> tuple[str, ...]:
    """Options that give top-level values."""
    return tuple(option for name, value in values.items() for option in ("--set-json", f"{name}={json.dumps(value)}"))


def one(kind: str, *options: str) -> Resource:
    """The only resource of its kind that is no test."""
    (found,) = (resource for resource in rendered(*options) if resource["kind"] == kind and not is_test(resource))
    return found


def is_test(resource: Resource) -> bool:
    return "helm.sh/hook" in resource["metadata"].get("annotations", {})


def pods(*options: str) -> list[Resource]:
    """Specifications of all that becomes pods."""
    found = []
    for resource in rendered(*options):
        match resource["kind"]:
            case "Deployment":
                found.append(resource["spec"]["template"]["spec"])
            case "Pod" | "ServingRuntime":
                found.append(resource["spec"])
    return found


def server(*options: str) -> Resource:
    """The service's container."""
    containers = [one for pod in pods(*options) for one in pod["containers"]]
    (found,) = (one for one in containers if one["name"] in ("digitserve", "kserve-container"))
    return found


def environment(*options: str) -> dict[str, str]:
    """What the service is told but for what comes from Secrets."""
    return {one["name"]: one["value"] for one in server(*options)["env"] if "value" in one}
