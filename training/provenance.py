"""What a model was made from and with, asked of the machine rather than typed."""

import importlib.metadata
import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

DIRTY = "-dirty"
LIBRARIES = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")


def libraries() -> dict[str, str]:
    """Python's version and those of the libraries that are installed."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def git_commit(folder: Path = Path(__file__).parent) -> str | None:
    """The commit of this code, with `-dirty` where tracked files differ from it; outside a repository, as where it was
    copied to a machine of another kind, what DIGITSERVE_COMMIT says, else None.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    dirty = commit and _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}{DIRTY}" if dirty else commit or os.environ.get("DIGITSERVE_COMMIT")


def is_clean(commit: str | None) -> bool:
    """Whether a commit says all of the code that ran."""
    return commit is not None and not commit.endswith(DIRTY)


def machine() -> str:
    """The processor's name and how many cores this process may use."""
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
