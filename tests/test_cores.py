"""The cgroup's CPU quota, read from folders like the kernel's."""

import os
from pathlib import Path

import pytest

from app.cores import cpu_quota, usable_cores

AFFINITY = len(os.sched_getaffinity(0))


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_max", ".max").replace("cpu_cfs", "cpu.cfs")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000", 1.5), ("50000 100000", 0.5), ("max 100000", None), ("400000 100000", 4.0)]
)
def test_version_2(tmp_path: Path, text: str, cores: float | None) -> None:
    assert cpu_quota(write(tmp_path, cpu_max=text)) == cores


@pytest.mark.parametrize(("quota", "cores"), [("250000", 2.5), ("-1", None)])
def test_version_1(tmp_path: Path, quota: str, cores: float | None) -> None:
    write(tmp_path / "cpu", cpu_cfs_quota_us=quota, cpu_cfs_period_us="100000")
    assert cpu_quota(tmp_path) == cores


def test_without_cgroups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert usable_cores(tmp_path) == AFFINITY


@pytest.mark.parametrize(("text", "cores"), [("10000 100000", 1), ("100000 100000", 1), ("9900000 100000", AFFINITY)])
def test_usable_cores_are_whole_and_no_more_than_the_affinity(tmp_path: Path, text: str, cores: int) -> None:
    assert usable_cores(write(tmp_path, cpu_max=text)) == cores
