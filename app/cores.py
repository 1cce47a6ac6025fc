"""How many cores this process may really use. ONNX Runtime asks the host and oversubscribes a container."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores by affinity and by the cgroup's CPU quota, whichever is less; at least 1."""
    quota = cpu_quota(cgroup)
    return max(1, min(_affinity(), math.ceil(quota) if quota else _affinity()))


def cpu_quota(cgroup: Path = CGROUP) -> float | None:
    """The tightest quota in cores from here up to the root; None where there is none. Reads cgroup v2, then v1.

    Source: Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_*).
    """
    quotas = [_v2_quota(folder) for folder in _own_folders(cgroup)] + [_v1_quota(cgroup / "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _own_folders(cgroup: Path) -> list[Path]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    leaf = cgroup / own
    return [leaf, *(parent for parent in leaf.parents if parent.is_relative_to(cgroup))]


def _v2_quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _v1_quota(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return quota / int((folder / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    except (OSError, ValueError):
        return None
