"""Nothing is lost and nothing there twice when something dies in the middle of a run."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (
    "import json, sys; from benchmarks.bulk.kills import campaign; print(json.dumps([*campaign(sys.argv[1:], 1)]))"
)
ROOT = Path(__file__).parents[2]


def python_with_ray() -> str:
    """That of an environment of its own, which `make test` makes, or this one's; skips where there is none."""
    own = Path(sys.prefix) / "ray" / "bin" / "python"
    # An environment of 800 MB: who works on something else may do without.
    if not own.exists() and importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed here; `make .venv/ray` makes an environment that has it, as `make test` does")
    return str(own) if own.exists() else sys.executable


@pytest.mark.parametrize("kinds", [("process", "command"), ("node", "worker", "driver")])
def test_nothing_is_lost_or_there_twice(kinds: tuple[str, ...]) -> None:
    python = python_with_ray() if "node" in kinds else sys.executable
    ran = subprocess.run([python, "-c", PROGRAM, *kinds], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    died = json.loads(ran.stdout.splitlines()[-1])
    assert [kind for kind, _ in died] == list(kinds)
    for _, (lost, twice, written_before, parts, _) in died:
        assert (lost, twice) == (0, 0)
        assert 0 < written_before < parts
