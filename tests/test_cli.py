"""The `digitserve` command beside `serve`, and the settings that it takes."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import cli
from app.config import ApiKey, Settings
from app.inference import bundle
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS, MLP, MODELS, NUMBERS

EXAMPLES = Path(__file__).parent.parent / "examples"


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments))
    return done.exit_code, done.output


def test_models_are_listed_and_verified(tmp_path: Path) -> None:
    status, output = invoke("models", "--models", str(MODELS))
    assert status == 0
    assert [line.split()[:2] for line in output.splitlines()] == [
        [f"digits/{DIGITS.name}", "cnn"],
        [f"mlp-128-64/{MLP.name}", "mlp-128-64"],
        [f"numbers/{NUMBERS.name}", "lines"],
    ]
    broken = tmp_path / "digits" / DIGITS.name
    bundle.write(broken.parent, read_bundle(DIGITS))
    (broken / "model.onnx").write_bytes(b"")
    status, output = invoke("models", "--models", str(tmp_path))
    assert status == 1
    assert "SHA-256" in output


def test_the_committed_examples_are_what_the_command_draws(tmp_path: Path) -> None:
    status, _ = invoke("examples", "--out", str(tmp_path))
    assert status == 0
    for digit in range(10):
        drawn, committed = (np.asarray(Image.open(folder / f"{digit}.png")) for folder in (tmp_path, EXAMPLES))
        assert np.array_equal(drawn, committed)


def test_settings_explain_themselves() -> None:
    status, output = invoke("settings")
    assert status == 0
    assert all(f"DIGITSERVE_{name.upper()}=" in output for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_MODELS", str(MODELS))
    monkeypatch.setenv("DIGITSERVE_API_KEYS", '[{"key": "from-the-environment", "rights": ["predict"]}]')
    (key,) = Settings().api_keys
    assert key.key.get_secret_value() == "from-the-environment"
    assert "from-the-environment" not in repr(Settings())


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("port", 70_000, "65535"),
        ("workers", 0, "greater than or equal to 1"),
        ("device", "tpu", "'auto', 'cpu' or 'cuda'"),
        ("api_keys", [{"key": "short"}], "at least 16 printable ASCII"),
        ("api_keys", [{"key": "é" * 16}], "at least 16 printable ASCII"),
        ("api_keys", [{"key": "k" * 16}, {"key": "k" * 16, "rights": ["metrics"]}], "stands twice"),
        ("max_held_bytes", 784, "the largest body could never be held"),
        ("api_keys", [{"key": "k" * 16, "rights": []}], "at least 1"),
        ("api_keys", [{"key": "k" * 16, "rights": ["everything"]}], "'predict', 'metrics' or 'repository'"),
        ("max_queue_images", 10, "a full batch could never be queued"),
        ("models", "no/such/folder", "is not a folder"),
        ("no_such_setting", 1, "Extra inputs"),
    ],
)
def test_unsafe_settings_are_refused(setting: str, value: object, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings(**{"models": MODELS, setting: value})


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("sesame-open-the-door", "api_keys: Value error, no JSON (Expecting value at character 0)"),
        ('["sesame-open-the-door"]', "api_keys.0: Input should be a valid dictionary"),
        ('[{"key": "sesame open the door"}]', "at least 16 printable ASCII"),
        ('[{"key": ["sesame-open-the-door"]}]', "api_keys.0: Input should be a valid string"),
        ('[{"sesame-open-the-door": ["predict"]}]', "api_keys.0: Extra inputs are not permitted"),
        ('{"sesame-open-the-door": ["predict"]}', "api_keys: Input should be a valid tuple"),
    ],
)
def test_malformed_keys_are_refused_in_a_sentence_that_tells_none(
    monkeypatch: pytest.MonkeyPatch, keys: str, reason: str
) -> None:
    monkeypatch.setenv("DIGITSERVE_API_KEYS", keys)
    status, output = invoke("settings")
    assert status == 2
    assert reason in output
    assert "sesame" not in output


def test_an_error_in_a_key_does_not_show_it() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(models=MODELS, api_keys=[{"key": "sesame open the door"}])
    assert "sesame" not in str(refused.value)


def test_a_key_without_rights_named_may_do_all_that_changes_nothing() -> None:
    assert {right.value for right in ApiKey.model_validate({"key": "k" * 16}).rights} == {"predict", "metrics"}


def test_the_service_reports_to_nobody(tmp_path: Path) -> None:
    """ONNX Runtime would write an id for its maker under HOME; with the service's default it writes nothing."""
    program = (
        "from pathlib import Path; from app.tasks.digits.classifier import opened;"
        "from app.tasks.digits.manifest import read_bundle;"
        f"opened(read_bundle(Path({str(DIGITS)!r})).model)"
    )
    subprocess.run([sys.executable, "-c", program], env={"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_the_service_never_imports_tensorflow() -> None:
    program = "import app.cli, app.main, sys; assert not {'tensorflow', 'keras', 'training'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(("project", "line"), [(".", "## {} "), ("client", "`digitserve-client` {}:")])
def test_the_version_stands_in_the_changelog(project: str, line: str) -> None:
    root = Path(__file__).parent.parent
    current = tomllib.loads((root / project / "pyproject.toml").read_text())["project"]["version"]
    assert line.format(current) in (root / "CHANGELOG.md").read_text()


def test_kubernetes_may_set_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_8000_TCP_ADDR"):
        monkeypatch.setenv(f"DIGITSERVE_{name}", "10.0.0.1")
    assert Settings(models=MODELS).port == 8000
    monkeypatch.setenv("DIGITSERVE_PORT", "tcp://10.0.0.1:8000")
    with pytest.raises(ValidationError, match="enableServiceLinks: false"):
        Settings(models=MODELS)
