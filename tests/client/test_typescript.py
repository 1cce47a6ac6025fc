"""The TypeScript client as it is published, run by Node.js against a real service; skips where there is none."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "client" / "typescript"
MADE = shutil.ignore_patterns("node_modules", "dist", "*.tgz")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def source() -> Path:
    """The package's folder, for which npm has fetched TypeScript before."""
    # Node.js is no package of Python's: `make test` cannot install it.
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js is not here to run the TypeScript client; install it, with npm")
    modules = SOURCE / "node_modules"
    if not modules.exists():  # without a registry npm can fetch nothing, and the other tests are to run all the same
        pytest.skip(f"TypeScript is not in {modules}; `make client/typescript/node_modules` installs it")
    return SOURCE


@pytest.fixture(scope="module")
def readme() -> dict[str, str]:
    """What the README shows, by its language."""
    return dict(BLOCK.findall((SOURCE / "README.md").read_text()))


@pytest.fixture(scope="module")
def user(source: Path, readme: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the package is installed as the README says."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(source, clone / source.relative_to(ROOT), ignore=MADE)
    (clone / "examples").symlink_to(ROOT / "examples")
    run("bash", "-ec", readme["bash"], cwd=clone, npm_config_prefer_offline="true")
    return clone


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("source")
def test_the_types_are_those_of_the_service(tmp_path: Path) -> None:
    run(sys.executable, str(SOURCE / "generate.py"), str(tmp_path / "schema.ts"), cwd=ROOT)
    assert (tmp_path / "schema.ts").read_text() == (SOURCE / "src" / "schema.ts").read_text(), "npm run generate"


def test_the_package_has_code_and_types_and_nothing_else(user: Path) -> None:
    names = {path.name for path in (user / "node_modules" / "digitserve-client").iterdir()}
    assert names == {"dist", "package.json", "README.md", "LICENSE"}


def test_it_calls_the_service(user: Path, service: str) -> None:
    shutil.copy(SOURCE / "test" / "client.test.mjs", user)
    run("node", "--test", "client.test.mjs", cwd=user, DIGITSERVE_URL=service, EXAMPLES=str(ROOT / "examples"))


def test_its_readme_does_what_it_says(user: Path, readme: dict[str, str], service: str) -> None:
    (user / "example.mjs").write_text(readme["js"].replace("http://127.0.0.1:8000", service))
    assert run("node", "example.mjs", cwd=user) == readme["text"]
