"""The `digitserve` command beside `serve`, and the settings that it takes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import cli
from app.config import ApiKey, Settings
from app.inference import bundle
from app.tasks.digits import strokes
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


def test_settings_explain_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_PORT", "9000")
    status, plain = invoke("settings")
    assert status == 0
    assert [line.split("=")[0] for line in plain.splitlines()] == [
        f"DIGITSERVE_{n.upper()}" for n in Settings.model_fields
    ]
    status, explained = invoke("settings", "--explain")
    assert status == 0
    assert "DIGITSERVE_PORT=9000\n    from the variable DIGITSERVE_PORT\n" in explained
    assert all(str(field.description) in explained for field in Settings.model_fields.values())


def test_a_misspelt_variable_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_PROT", "9000")
    status, output = invoke("settings")
    assert status == 2
    assert "no setting is called DIGITSERVE_PROT; did you mean DIGITSERVE_PORT?" in output


def test_help_groups_commands_and_the_version_is_said() -> None:
    status, output = invoke("--help")
    assert status == 0
    panels = re.findall(r"─ ([\w, ]+) ─", output)
    assert panels == ["Options", "The service", "Pictures, without a service", "Models"]
    assert invoke("--version") == (0, f"digitserve {version('digitserve')}\n")


def test_a_shell_completes_commands() -> None:
    environment = {"_DIGITSERVE_COMPLETE": "complete_bash", "COMP_WORDS": "digitserve pre", "COMP_CWORD": "1"}
    command = [str(Path(sys.executable).with_name("digitserve"))]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["predict"]


def test_pictures_are_read_without_a_service(tmp_path: Path) -> None:
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    np.save(tmp_path / "frames.npy", np.stack([strokes.render(digit) for digit in (4, 2)]))
    files = [str(EXAMPLES / "7.png"), str(tmp_path / "frames.npy"), str(tmp_path / "blank.png")]
    models = "--models", str(MODELS)
    status, output = invoke("predict", *files, *models)
    assert status == 1  # the blank one
    seven, four, two, blank = output.splitlines()
    assert [re.split(r" {2,}", line)[1] for line in (seven, four, two)] == ["7", "4", "2"]
    assert "% sure" in seven
    assert "not read: " in blank
    status, output = invoke("predict", files[0], "--json", *models)
    assert status == 0
    assert json.loads(output).items() >= {"id": files[0], "digits": [7], "decision": "accept", "error": None}.items()


def test_whole_numbers_are_read_without_a_service(tmp_path: Path) -> None:
    line = np.hstack([strokes.render(digit, size=56) for digit in (4, 0, 7)])
    Image.fromarray(255 - np.pad(line, 30)).save(tmp_path / "407.png")
    status, output = invoke("read", str(tmp_path / "407.png"), "--models", str(MODELS))
    assert status == 0
    assert output.split()[1].rstrip("?") == "407"
    from_input = CliRunner().invoke(
        cli, ["read", "-", "--json", "--models", str(MODELS)], input=(tmp_path / "407.png").read_bytes()
    )
    assert json.loads(from_input.output)["text"] == "407"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["no/such.png"], 2, "no/such.png is not there"),
        (["README.md", "--model", "no"], 3, "no model is called 'no'"),
        (["README.md", "--model", "numbers"], 3, "reads no digits"),
    ],
)
def test_what_cannot_be_read_at_all_is_said_in_a_sentence(arguments: list[str], status: int, reason: str) -> None:
    told = invoke("predict", *arguments, "--models", str(MODELS))
    assert told[0] == status
    assert reason in told[1]


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
        ("sesame-open-the-door", "api_keys: no JSON (Expecting value at character 0)"),
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
