"""The build backend: flit_core, but that what is the folder `app` here is the package `digitserve` in a wheel.

Who installs the wheel may have an `app` of their own. Only the first word of imports is changed, so that every line
stays where it is; what else could name the package is refused. An editable install is of the folder as it is.
"""

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from flit_core import buildapi
from flit_core.buildapi import build_editable, build_sdist

__all__ = ["build_editable", "build_sdist", "build_wheel"]

HERE, THERE = "app", "digitserve"
OF_PACKAGE = {  # in pyproject.toml
    f'[tool.flit.module]\nname = "{HERE}"\n': f'[tool.flit.module]\nname = "{THERE}"\n',
    f'{THERE} = "{HERE}.cli:main"\n': f'{THERE} = "{THERE}.cli:main"\n',
}
BUNDLES = ("digits", "numbers")  # whose newest versions the wheel carries
OF_BUNDLE = ("manifest.json", "model.onnx", "card.html")
NAMES_IT = re.compile(rf"\b(?:from|import) {HERE}\b|^{HERE}(?:\.\w+)+$")


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """The hook of PEP 517: writes the wheel there, and gives its file's name."""
    target = Path(wheel_directory).absolute()
    with _staged(Path.cwd()) as folder, chdir(folder):
        name: str = buildapi.build_wheel(str(target), config_settings, metadata_directory)
    return name


@contextmanager
def _staged(root: Path) -> Iterator[Path]:
    """The project as a wheel is to have it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("README.md", "LICENSE"):
            shutil.copy(root / file, folder)
        _write_project(root / "pyproject.toml", folder / "pyproject.toml")
        shutil.copytree(root / HERE, folder / THERE, ignore=shutil.ignore_patterns("__pycache__"))
        for module in (folder / THERE).rglob("*.py"):
            module.write_text(renamed(module.read_text("utf-8"), str(module.relative_to(folder))), "utf-8")
        for bundle in BUNDLES:
            _copy_bundle(root / "models" / bundle, folder / THERE / "models" / bundle)
        yield folder


def _write_project(source: Path, target: Path) -> None:
    text = source.read_text("utf-8")
    for here, there in OF_PACKAGE.items():
        if text.count(here) != 1:
            raise ValueError(f"{source} is to have {here!r} once, for the wheel to have {there!r}")
        text = text.replace(here, there)
    target.write_text(text, "utf-8")


def renamed(source: str, place: str) -> str:
    """A module's text, with `from digitserve` for `from app`. Raises ValueError where more than that names it."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(level=0, module=str(name)) if name.split(".")[0] == HERE:
                line = lines[node.lineno - 1]
                lines[node.lineno - 1] = re.sub(rf"\bfrom {HERE}\b", f"from {THERE}", line, count=1)
            case ast.Import(names=names) if any(one.name.split(".")[0] == HERE for one in names):
                raise ValueError(f"{place}:{node.lineno}: write `from {HERE}... import ...`, which a wheel can rename")
            case ast.Constant(value=str(text)) if NAMES_IT.search(text):
                raise ValueError(
                    f"{place}:{node.lineno}: {text!r} names {HERE}, which a wheel calls {THERE}; use __name__"
                )
    return "".join(lines)


def _copy_bundle(source: Path, target: Path) -> None:
    newest = max((one for one in source.iterdir() if one.name.isdecimal()), key=lambda one: int(one.name))
    (target / newest.name).mkdir(parents=True)
    for name in OF_BUNDLE:
        if (newest / name).exists():
            shutil.copy(newest / name, target / newest.name)
