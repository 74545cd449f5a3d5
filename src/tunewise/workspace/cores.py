"""How many cores this process may use: by its affinity, and by the quota of its container.

A container's quota (cgroup v2's cpu.max, v1's cpu.cfs_quota_us) holds whatever the machine has;
more threads than it bears make each other wait. Knows nothing of what the threads do.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Return the cores that this process may use, at least 1.

    Args:
        cgroups: where the kernel shows control groups.
        own: lists the groups that this process is in.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = min(_quotas(cgroups, own), default=math.inf)
    return max(1, cores if math.isinf(quota) else min(cores, math.ceil(quota)))


def _quotas(cgroups: Path, own: Path) -> list[float]:
    """Return the limits of this process's groups and of those they are in, in cores."""
    found = []
    for place in _places(cgroups, own):
        try:
            if (place / "cpu.max").exists():
                quota, period = (place / "cpu.max").read_text("ascii").split()
            elif (place / "cpu.cfs_quota_us").exists():
                quota = (place / "cpu.cfs_quota_us").read_text("ascii").strip()
                period = (place / "cpu.cfs_period_us").read_text("ascii").strip()
            else:
                continue
        except (OSError, ValueError):  # a group that this process may not look at limits it unseen
            continue
        if quota not in ("max", "-1"):
            found.append(int(quota) / int(period))
    return found


def _places(cgroups: Path, own: Path) -> list[Path]:
    """Return the folders of this process's groups, each with all above it."""
    lines = own.read_text("ascii", "replace").splitlines() if own.exists() else []
    found: dict[Path, None] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for root in (cgroups, cgroups / "cpu", cgroups / "cpu,cpuacct")[: 3 if controllers else 1]:
            group = root / path.lstrip("/")
            for place in (group, *group.parents):
                if place == root or root in place.parents:
                    found[place] = None
    return list(found)
