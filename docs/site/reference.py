"""The reference's parts, each made from what it tells of. A page says where a part belongs: `<!-- made: NAME -->`."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo

from app.config import PREFIX, Settings
from app.http.problems import kinds, status_of_kind
from app.telemetry.metrics import Metrics
from docs.site import client, openapi
from docs.site.markdown import code, table

BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
WORDS = {"str": "text", "bool": "true or false", "int": "whole number", "float": "number", "Path": "folder"}
WORDS["tuple"] = "JSON"
HEADING = re.compile(r"^(#+ )", re.MULTILINE)


def settings() -> str:
    """Every field of `Settings`, in its order."""
    return table(
        ("variable", "default", "meaning, and what it takes"),
        (
            (code(PREFIX + name.upper()), _default(field), f"{field.description}<br>*{_value(field)}*")
            for name, field in Settings.model_fields.items()
        ),
    )


def _value(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(map(code, get_args(kind)))
    if type(None) in get_args(kind):
        kind, _ = get_args(kind)
    rules = [(rule, name) for rule in field.metadata for name in BOUNDS if hasattr(rule, name)]
    bounds = (f"{BOUNDS[name]} {getattr(rule, name):,}" for rule, name in rules)
    return ", ".join([WORDS[(get_origin(kind) or kind).__name__], *bounds])


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default is None or field.default_factory is not None:  # the second is found out at the start
        return "unset"
    return code(str(default).lower() if isinstance(default, bool) else default) if default not in ("", ()) else "empty"


def commands() -> str:
    """What typer says of each command."""
    return "\n".join(
        (
            _command("app.cli", "digitserve"),
            _command("digitserve_client.command.app", "digitserve-client"),
            _command("training.commands", "python -m training"),
        )
    )


def _command(module: str, name: str) -> str:
    command = [sys.executable, "-m", "typer", module, "utils", "docs", "--name", name]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return HEADING.sub(r"#\1", said)  # under the page's own


def errors() -> str:
    """Every code, with its status, and its cause and cure."""
    return table(
        ("code", "status", "cause and cure"),
        (
            (code(kind.code), str(status_of_kind(kind)), inspect.getdoc(kind) or "")
            for kind in sorted(kinds(), key=lambda kind: (status_of_kind(kind), kind.code))
        ),
    )


def metrics() -> str:
    """Every metric of a worker, with its labels."""
    registry = CollectorRegistry()
    Metrics(registry)
    # The library tells a metric's labels in samples alone, of which there are none yet.
    found = [one for one in registry._collector_to_names if isinstance(one, MetricWrapperBase)]
    return table(("metric", "type", "labels", "meaning"), map(_metric, sorted(found, key=lambda one: one._name)))


def _metric(one: MetricWrapperBase) -> tuple[str, ...]:
    name = one._name + "_total" * (one._type == "counter")
    return code(name), str(one._type), ", ".join(map(code, one._labelnames)), one._documentation


MADE: dict[str, Callable[[], str]] = {
    "settings": settings,
    "commands": commands,
    "errors": errors,
    "metrics": metrics,
    "client": client.classes,
    "http": openapi.endpoints,
}
