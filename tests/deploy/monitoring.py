"""Every expression that rules and the dashboard ask Prometheus."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

FILES = ROOT / "deploy" / "kubernetes" / "files"
RULES: list[dict[str, Any]] = yaml.safe_load((FILES / "rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
COMPARED = re.compile(r"(?:[<>]|==) [0-9.]+")
EVERYTHING = ".*"


def expressions() -> dict[str, str]:
    """By where they stand. An alert has data only while something is wrong: so its comparisons are made to say whether,
    in place of leaving out what is not, what it looks for the lack of is looked for, and yesterday is today.
    """
    found = {f"panel {title}, {place}": expression for title, place, expression in _of_panels()}
    for rule in RULES:
        always = COMPARED.sub(">= bool 0", rule["expr"]) if "alert" in rule else rule["expr"]
        found[f"rule {rule.get('record') or rule['alert']}"] = always.replace("unless", "and").replace(" offset 1h", "")
    return found


def _of_panels() -> Iterator[tuple[str, int, str]]:
    for panel in DASHBOARD["panels"]:
        for place, target in enumerate(panel.get("targets", ())):
            expression: str = target["expr"].replace("$__rate_interval", "1m")
            for variable in variables():
                expression = expression.replace(f"${variable}", EVERYTHING)
            yield panel["title"], place, expression


def variables() -> dict[str, str]:
    """The queries that the dashboard fills its variables by."""
    listed = DASHBOARD["templating"]["list"]
    return {one["name"]: one["query"]["query"] for one in listed if one["type"] == "query"}


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in RULES if "alert" in rule}


def path_of(name: str) -> Path:
    return FILES / name
