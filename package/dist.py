"""`make dist`: wheels and sdists of the service and of its client, each wheel made from its sdist, and tried.

They are tried in an environment that has nothing else, with each Python at hand, in a folder with an `app` of its own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECTS = (ROOT, ROOT / "client")
VERSIONS = ("3.11", "3.12", "3.13")
NOT_OURS = "raise ImportError('this app is the user\\'s own, and digitserve is to leave it alone')\n"
UV = str(Path(sys.executable).with_name("uv"))
TRIAL = Path(__file__).with_name("trial.py")


def main(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    wheels = build(out)
    for python in pythons():
        with tempfile.TemporaryDirectory() as folder:
            print(try_out(wheels, python, Path(folder)), flush=True)
    print(*sorted(path.name for path in out.iterdir() if path.suffix in (".whl", ".gz")), f"are in {out}", sep="\n")


def build(out: Path) -> list[Path]:
    """Both projects' sdists, and the wheels that are made of them; the paths of service's and client's wheel."""
    for project in PROJECTS:
        how = "--no-build-isolation", "--python", sys.executable, "--out-dir", str(out)
        run(UV, "build", "-q", *how, str(project))
    return [next(out.glob(f"{name}-*.whl")) for name in ("digitserve", "digitserve_client")]


def pythons() -> Iterator[Path]:
    """One interpreter of each version at hand: on the path, or of pyenv."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in VERSIONS:
        named = shutil.which(f"python{version}")
        found = [*([Path(named)] if named else []), *sorted(kept.glob(f"{version}.*/bin/python"))]
        if python := next(filter(runs, found), None):
            yield python


def runs(python: Path) -> bool:
    """pyenv has a command for every version, most of which only say that it is not chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def try_out(wheels: list[Path], python: Path, folder: Path) -> str:
    """Install into a new environment and use all that is installed; a line on what was tried.

    Raises CalledProcessError.
    """
    environment = folder / "environment"
    run(UV, "venv", "-q", "--python", str(python), str(environment))
    own = environment / "bin" / "python"
    service, client = wheels
    # As pip does, it trusts whom the system trusts: an index may be a company's own.
    run(UV, "pip", "install", "-q", "--system-certs", "--python", str(own), f"{service}[cpu]", str(client))
    work = folder / "work"
    (work / "app").mkdir(parents=True)
    (work / "app" / "__init__.py").write_text(NOT_OURS)
    return run(str(own), "-P", str(TRIAL), cwd=work, env=bare())


def bare() -> dict[str, str]:
    """The environment without what leads to a checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DIGITSERVE_", "PYTHON"))}


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
