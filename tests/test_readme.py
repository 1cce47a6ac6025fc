"""What the README says in figures is what the bundles' manifests say."""

import re

from app.inference import bundle
from app.tasks.digits.manifest import TASK as DIGITS
from app.tasks.digits.manifest import read_bundle
from tests.conftest import ROOT

ROW = re.compile(r"^\| `(?P<name>[\w-]+)/(?P<version>\d+)`.* \| (?P<accuracy>[\d.]+) % \|", re.MULTILINE)


def test_the_table_of_models_is_true_and_whole() -> None:
    rows = [found.groupdict() for found in ROW.finditer((ROOT / "README.md").read_text("utf-8"))]
    assert rows
    for row in rows:
        manifest = read_bundle(ROOT / "models" / row["name"] / row["version"]).manifest
        assert f"{100 * manifest.metrics.accuracy:.2f}" == row["accuracy"]
    digit_models = {
        name for name in bundle.names(ROOT / "models") if bundle.task_of(bundle.find(ROOT / "models", name)) == DIGITS
    }
    assert {row["name"] for row in rows} == digit_models
