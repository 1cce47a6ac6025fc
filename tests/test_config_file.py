"""digitserve.toml: taken, overruled by variables and options, refused in a sentence."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import cli
from app.config import BUNDLED, Settings
from app.config_file import MOST_BYTES, ConfigFileError, origins
from tests.conftest import MODELS

FILE = """
port = 9000
log_format = "json"
models = "bundles"
[[api_keys]]
key = "sixteen-characters"
rights = ["predict"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bundles").symlink_to(MODELS)
    (tmp_path / "digitserve.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_variables_overrule_the_file_and_options_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_LOG_FORMAT", "console")
    settings = Settings()
    assert (settings.port, settings.log_format, settings.host) == (9000, "console", "127.0.0.1")
    assert settings.api_keys[0].key.get_secret_value() == "sixteen-characters"
    assert Settings(port=1).port == 1
    found = origins(Settings)
    assert found["log_format"] == "from the variable DIGITSERVE_LOG_FORMAT"
    assert found["port"] == "from digitserve.toml"
    assert found["host"] == "by default"


def test_a_file_elsewhere_names_folders_from_where_it_lies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_CONFIG", str(folder / "digitserve.toml"))
    monkeypatch.chdir("/")
    assert Settings().models == folder / "bundles"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("prot = 1", "no setting is called prot; did you mean port?"),
        ("zzz = 1", "no setting is called zzz; `digitserve settings` lists them"),
        ("port = ", "cannot be read as TOML"),
        ("port = '\udcff'", "cannot be read as TOML"),
        ("#" * (MOST_BYTES + 1), "has over"),
    ],
)
def test_a_file_that_is_wrong_is_refused(folder: Path, content: str, reason: str) -> None:
    (folder / "digitserve.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigFileError, match=r"digitserve\.toml") as refused:
        Settings()
    assert reason in str(refused.value)
    done = CliRunner().invoke(cli, ["settings"])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert reason in done.output


def test_a_value_that_is_wrong_is_refused_and_not_shown(folder: Path) -> None:
    (folder / "digitserve.toml").write_text('[[api_keys]]\nkey = "sesame open"\n')
    with pytest.raises(ValidationError, match="at least 16 printable ASCII") as refused:
        Settings(models=MODELS)
    assert "sesame" not in str(refused.value)


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSERVE_CONFIG", "/no/such.toml")
    with pytest.raises(ConfigFileError, match=r"DIGITSERVE_CONFIG names /no/such\.toml, which is no file"):
        Settings()


def test_the_packages_own_models_are_taken_where_there_are_none_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not BUNDLED.exists(), "a checkout has its models beside the package, not in it"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("app.config.BUNDLED", MODELS)
    assert Settings().models == MODELS
    (tmp_path / "models" / "a" / "1").mkdir(parents=True)
    assert Settings().models == MODELS
    (tmp_path / "models" / "a" / "1" / "model.onnx").touch()
    assert Settings().models == Path("models")
