"""Faults these catch: as many threads as the machine has, in a container that may use fewer."""

from __future__ import annotations

import os
from pathlib import Path

from tunewise.workspace.cores import usable_cores


def test_the_quota_of_any_group_above_holds(tmp_path: Path) -> None:
    own, groups = tmp_path / "own", tmp_path / "cgroup"
    (groups / "a" / "b").mkdir(parents=True)
    own.write_text("0::/a/b\n")
    (groups / "a" / "b" / "cpu.max").write_text("max 100000\n")
    (groups / "a" / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(groups, own) == 1
    (groups / "a" / "cpu.max").write_text("max 100000\n")
    assert usable_cores(groups, own) == len(os.sched_getaffinity(0))


def test_the_older_kind_of_quota_holds(tmp_path: Path) -> None:
    own, group = tmp_path / "own", tmp_path / "cgroup" / "cpu" / "c"
    group.mkdir(parents=True)
    own.write_text("5:memory:/m\n4:cpu,cpuacct:/c\n")
    (group / "cpu.cfs_quota_us").write_text("100000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path / "cgroup", own) == 1


def test_without_groups_affinity_decides(tmp_path: Path) -> None:
    cores = usable_cores(tmp_path / "none", tmp_path / "nowhere")
    assert cores == len(os.sched_getaffinity(0))
    one = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {one})
    try:
        assert usable_cores(tmp_path / "none", tmp_path / "nowhere") == 1
    finally:
        os.sched_setaffinity(0, before)
