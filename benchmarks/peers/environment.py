"""One virtual environment for each peer, made from its own lock file, so that no peer's libraries meet another's."""

import subprocess
import sys
from pathlib import Path

from benchmarks.peers import Peer

ENVIRONMENTS = Path(__file__).parents[1] / ".environments"
REASON_LINES = 8  # of pip's output, the last of which name what went wrong


class PreparationError(RuntimeError):
    """A peer's environment could not be made."""


def prepare(peer: Peer) -> Path:
    """Return the interpreter that runs the peer's server, once its environment holds what the lock file says.

    Raises PreparationError with the reason where that cannot be had.
    """
    if peer.interpreter is None:
        return Path(sys.executable)
    home = ENVIRONMENTS / peer.name
    python, stamp = home / "bin" / "python", home / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < peer.lock.stat().st_mtime:
        _run(peer, peer.interpreter, "-m", "venv", "--clear", str(home))
        _run(peer, str(python), *_pip_install(peer.lock))
        stamp.touch()
    return python


def _pip_install(lock: Path) -> list[str]:
    return ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]


def _run(peer: Peer, *command: str) -> None:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise PreparationError(f"{peer.name} needs {command[0]}: {error.strerror}") from error
    if done.returncode:
        reason = "\n".join(done.stdout.splitlines()[-REASON_LINES:])
        raise PreparationError(f"{peer.name}: `{' '.join(command)}` failed with {done.returncode}:\n{reason}")
