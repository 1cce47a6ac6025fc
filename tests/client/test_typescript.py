"""The TypeScript client as it is published, run by Node.js against a real service; skips where there is none."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "client" / "typescript"
OF_PACKAGE = ("package.json", "tsconfig.json", "README.md", "LICENSE", "src")
BLOCK = re.compile(r"^```js\n(.*?)^```.*?^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tools() -> Path:
    """Where TypeScript is."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js is not here to run the TypeScript client; install it, with npm")
    modules = SOURCE / "node_modules"
    if not modules.exists():
        pytest.skip(f"TypeScript is not in {modules}; `make client/typescript/node_modules` installs it")
    return modules


@pytest.fixture(scope="module")
def user(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed, as it is packed."""
    made, user = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("user")
    for name in OF_PACKAGE:
        (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, made / name)
    (made / "node_modules").symlink_to(tools)
    run("npm", "pack", "--silent", cwd=made)
    (user / "node_modules").mkdir()
    with tarfile.open(next(made.glob("*.tgz"))) as archive:
        archive.extractall(user / "node_modules", filter="data")
    (user / "node_modules" / "package").rename(user / "node_modules" / "digitserve-client")
    (user / "examples").symlink_to(ROOT / "examples")
    return user


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("tools")
def test_the_types_are_those_of_the_service(tmp_path: Path) -> None:
    run(sys.executable, str(SOURCE / "generate.py"), str(tmp_path / "schema.ts"), cwd=ROOT)
    assert (tmp_path / "schema.ts").read_text() == (SOURCE / "src" / "schema.ts").read_text(), "npm run generate"


def test_the_package_has_code_and_types_and_nothing_else(user: Path) -> None:
    names = {path.name for path in (user / "node_modules" / "digitserve-client").iterdir()}
    assert names == {"dist", "package.json", "README.md", "LICENSE"}


def test_it_calls_the_service(user: Path, service: str) -> None:
    shutil.copy(SOURCE / "test" / "client.test.mjs", user)
    run("node", "--test", "client.test.mjs", cwd=user, DIGITSERVE_URL=service, EXAMPLES=str(ROOT / "examples"))


def test_its_readme_does_what_it_says(user: Path, service: str) -> None:
    found = BLOCK.search((SOURCE / "README.md").read_text())
    assert found
    program, printed = found.groups()
    (user / "example.mjs").write_text(program.replace("http://127.0.0.1:8000", service))
    assert run("node", "example.mjs", cwd=user) == printed
