"""The chart's values: each is explained and has its type, and what is wrong is refused before anything is installed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import chart
from tests.deploy.chart import CHART

TEXT = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
OF_HELM = {"global"}  # a value that Helm hands to every chart


def keys(node: yaml.Node, path: str = "") -> Iterator[tuple[str, int]]:
    """Each value's path and the line that it stands in; a map of any keys is one value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{path}{key.value}", key.start_mark.line
            if "properties" in schema_of(f"{path}{key.value}"):
                yield from keys(value, f"{path}{key.value}.")


def schema_of(path: str) -> dict[str, Any]:
    found = SCHEMA
    for name in path.split("."):
        found = found["properties"][name]
    return found


def properties(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, one in schema.get("properties", {}).items():
        if f"{path}{name}" not in OF_HELM:
            yield f"{path}{name}"
        if f"{path}{name}" != "settings":
            yield from properties(one, f"{path}{name}.")


def test_values_and_schema_have_the_same_names() -> None:
    named = [path for path, _ in keys(yaml.compose(TEXT))]
    assert sorted(named) == sorted(properties(SCHEMA))


def test_every_value_is_explained() -> None:
    """By a comment above it; a group of values need not be, where its own are."""
    lines = TEXT.splitlines()
    silent = []
    for path, line in keys(yaml.compose(TEXT)):
        is_group = "properties" in schema_of(path) and lines[line].endswith(":")
        if not lines[line - 1].lstrip().startswith("#") and not is_group:
            silent.append(path)
    assert silent == []


def test_settings_are_the_services(tmp_path: Path) -> None:
    """Names, types, ranges and meanings are those of `app.config.Settings`."""
    anew = tmp_path / "values.schema.json"
    anew.write_text(json.dumps(SCHEMA))
    subprocess.run([sys.executable, str(CHART / "settings.py"), str(anew)], check=True)
    assert json.loads(anew.read_text()) == SCHEMA, "run `python deploy/kubernetes/settings.py`"


def test_every_map_is_closed_but_those_of_any_keys() -> None:
    def open_maps(schema: Any, path: str = "") -> Iterator[str]:
        if isinstance(schema, dict):
            if "properties" in schema and schema.get("type") and schema.get("additionalProperties") is not False:
                yield path
            for name, one in schema.items():
                yield from open_maps(one, f"{path}.{name}")

    assert list(open_maps(SCHEMA)) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 2}, "additional properties 'replicas' not allowed"),
        ({"image": {"tags": "1"}}, "additional properties 'tags' not allowed"),
        ({"settings": {"max_body_byte": 1}}, "additional properties 'max_body_byte' not allowed"),
        ({"settings": {"port": 1}}, "additional properties 'port' not allowed"),
        ({"settings": {"max_body_bytes": "1"}}, "got string, want integer"),
        ({"settings": {"live_versions": 0}}, "minimum: got 0, want 1"),
        ({"workers": "two"}, "got string, want null or integer"),
        ({"scaling": {"by": "cpu"}}, "value must be one of 'fixed', 'hpa', 'keda'"),
        ({"image": {"digest": "sha256:1"}}, "does not match pattern"),
        ({"strategy": {"type": "Recreate"}}, "got object, want null"),
        ({"podAnnotations": {"a": 1}}, "got number, want string"),
        ({"resources": {"limits": {"memory": "2 GB"}}}, "'2 GB' does not match pattern"),
        ({"models": {"from": "claim"}}, "models.claim.name: name a PersistentVolumeClaim"),
        ({"models": {"from": "init"}}, "models.init.image: name an image"),
        ({"kserve": {"enabled": True}, "models": {"from": "init", "init": {"image": "x"}}}, "set kserve.storageUri"),
        ({"kserve": {"enabled": True}, "grpc": {"enabled": True}}, "leave grpc.enabled at false"),
    ],
    ids=lambda one: json.dumps(one) if isinstance(one, dict) else "",
)
def test_what_is_wrong_is_refused_and_said(values: dict[str, Any], said: str) -> None:
    done = chart.template(*chart.changed(**values))
    assert done.returncode != 0
    assert said in re.sub(r"\s+", " ", done.stderr)
    assert done.stdout == ""


def test_pods_can_be_replaced_all_at_once() -> None:
    deployment = chart.one("Deployment", *chart.changed(strategy={"type": "Recreate", "rollingUpdate": None}))
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("by", "kinds", "replicas"),
    [("fixed", set(), 2), ("hpa", {"HorizontalPodAutoscaler"}, None), ("keda", {"ScaledObject"}, None)],
)
def test_one_alone_decides_how_many_pods_there_are(by: str, kinds: set[str], replicas: int | None) -> None:
    options = chart.changed(scaling={"by": by})
    made = {resource["kind"] for resource in chart.rendered(*options)}
    assert made & {"HorizontalPodAutoscaler", "ScaledObject"} == kinds
    assert chart.one("Deployment", *options)["spec"].get("replicas") == replicas


def test_kserve_makes_nothing_beside() -> None:
    made = chart.rendered(*chart.changed(kserve={"enabled": True}))
    assert {resource["kind"] for resource in made} == {"ServingRuntime", "InferenceService"}


def test_kserve_scales_by_cpu_in_the_only_mode_in_which_it_does() -> None:
    """Its admission refuses `scaleMetric: cpu` without both: no schema says so."""
    service = chart.one("InferenceService", *chart.changed(kserve={"enabled": True}))
    assert service["spec"]["predictor"]["scaleMetric"] == "cpu"
    mode = {key.partition("/")[2]: value for key, value in service["metadata"]["annotations"].items()}
    assert mode == {"deploymentMode": "Standard", "autoscalerClass": "hpa"}


PLACED = {
    "image": {"pullSecrets": ["registry"]},
    "priorityClass": "high",
    "runtimeClass": "nvidia",
    "nodeSelector": {"gpu": "yes"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}


@pytest.mark.parametrize("kserve", [False, True])
def test_pods_run_where_they_are_wanted(kserve: bool) -> None:
    options = chart.changed(**PLACED, kserve={"enabled": kserve})
    made = chart.pods(*options)
    pod = chart.one("InferenceService", *options)["spec"]["predictor"] if kserve else made[0]
    assert all(one["imagePullSecrets"] == [{"name": "registry"}] for one in made)
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("high", "nvidia")
    for name in ("nodeSelector", "tolerations", "affinity"):
        assert pod[name] == PLACED[name]


@pytest.mark.parametrize(("place", "models"), [("", "/models"), ("s3://models", "/mnt/models")])
def test_kserve_serves_the_images_models_or_those_that_it_fetched(place: str, models: str) -> None:
    options = chart.changed(kserve={"enabled": True, "storageUri": place})
    model = chart.one("InferenceService", *options)["spec"]["predictor"]["model"]
    told = chart.environment(*options) | {one["name"]: one["value"] for one in model.get("env", [])}
    assert told["DIGITSERVE_MODELS"] == models
    assert model.get("storageUri", "") == place


@pytest.mark.parametrize("release", ["digitserve", "mine"])
def test_names_are_short_enough_and_say_what_they_are(release: str) -> None:
    names = {
        resource["metadata"]["name"]
        for resource in yaml.safe_load_all(chart.helm("template", release, str(CHART)).stdout)
    }
    stem = "digitserve" if release == "digitserve" else "mine-digitserve"
    assert names == {stem, f"{stem}-test"}
