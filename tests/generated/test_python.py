"""What openapi-python-client makes of the service's own document: complete, compiled, typed, and called."""

import compileall
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import clients

PROGRAM = Path(__file__).with_name("python_program.py")
WARNING = re.compile(r"^(?:WARNING|Unable|Skipping|Error).*\n+(.*)", re.MULTILINE)
CONFIGURATION = json.dumps({"post_hooks": []})  # else it has its code formatted, which takes longer than all else


@pytest.fixture(scope="module")
def generated(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the package `digits_api`. Where the generator warns, it leaves something out: it may be only the
    media types that it does not know, since a file may come without one.
    """
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(client.get("/openapi.json").content)
    (folder / "config.json").write_text(CONFIGURATION)
    options = ["--path=openapi.json", "--config=config.json", "--output-path=digits_api", "--meta=none"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *options]
    environment = os.environ | {"PYTHONPATH": str(clients("openapi_python_client"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = WARNING.findall(done.stdout + done.stderr)
    assert said
    assert all(one.startswith("Unsupported content type") for one in said), done.stdout
    return folder


@pytest.fixture(scope="module")
def told(client: httpx.Client, generated: Path) -> Any:
    """What a program was told that calls the service by that package alone."""
    command = [sys.executable, PROGRAM, str(client.base_url)]
    environment = os.environ | {"PYTHONPATH": str(generated)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_operation_is_a_module_that_compiles(client: httpx.Client, generated: Path) -> None:
    assert compileall.compile_dir(generated / "digits_api", quiet=2)
    paths = client.get("/openapi.json").json()["paths"].values()
    identifiers = {operation["operationId"] for methods in paths for operation in methods.values()}
    named = {re.sub("([A-Z])", r"_\1", identifier).lower() for identifier in identifiers}
    modules = {path.stem for path in (generated / "digits_api" / "api").glob("*/*.py")} - {"__init__"}
    assert named == modules


@pytest.mark.parametrize("form", ["file", "form", "encoded", "pixels"])
def test_an_image_is_sent_in_every_form(told: Any, form: str) -> None:
    assert told[form] == 7


def test_many_are_sent_at_once(told: Any) -> None:
    assert told["batch"] == [7, "undecodable", 7]


def test_additions_come_back(told: Any) -> None:
    assert told["additions"] == ["heatmap", "seen"]


def test_errors_are_parsed(told: Any) -> None:
    assert told["refused"] == {"kind": "Problem", "code": "unsupported_media_type", "status": 415}
    assert told["no model"] == {"kind": "Problem", "code": "model_not_found", "status": 404}
    assert "no live model is called 'none'" in told["v2 refused"]


def test_the_rest_answers_too(told: Any) -> None:
    assert told["numbers"] == "7"
    assert told["explained"] == 7
    assert "digits" in told["models"]
    assert told["card"] == "DigitsManifest"
    assert told["inferred"] == 7
