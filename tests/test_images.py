"""What runs in containers runs with as little as it needs, from bases of exact versions."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

COMPOSED: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
EXACT = re.compile(r"[a-z/]+:v?\d+\.\d+\.\d+[a-z-]*")


@pytest.mark.parametrize("name", COMPOSED)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = COMPOSED[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "privileged" not in service


def test_none_runs_as_root() -> None:
    users = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    users += [service["user"].partition(":")[0] for service in COMPOSED.values() if "image" in service]
    assert len(users) == 3
    assert "0" not in users


def test_bases_have_exact_versions() -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    bases = {base for base, _ in stages} - {stage for _, stage in stages}
    bases |= {service["image"] for service in COMPOSED.values() if "image" in service}
    assert len(bases) == 3
    assert [base for base in bases if not EXACT.fullmatch(base)] == []


def test_the_list_of_parts_is_whole() -> None:
    """Every package that the lock file pins stands in the SBOM, and the check says what it could look up."""
    done = subprocess.run(
        [sys.executable, "requirements/audit.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "looked up" in done.stdout, done.stderr
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements/serve.lock").read_text(), re.MULTILINE))
    listed = set(re.findall(r'"purl": "pkg:pypi/([\w.-]+)@', Path(ROOT / "build/sbom.json").read_text()))
    assert listed == pinned
