"""What the benchmarks share: a clock around some work, the commit, and a look at the machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")
BUSY = 25.0  # percent of all cores that others may use


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return wall seconds of some work and what it gave."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def commit() -> str:
    """Return the commit that is checked out, with '+' when files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode
    return (head.stdout.strip() or "unknown") + ("+" if changed else "")


def refuse_a_busy_machine() -> None:
    """Exit if something else is running."""
    used = psutil.cpu_percent(interval=2.0)
    if used > BUSY:
        sys.exit(f"{used:.0f}% of the cores are in use; figures taken now would mean nothing.")


def in_fresh_process(script: str, data: Path, count: int) -> dict[str, float]:
    """Return what a benchmark prints with `--scale COUNT`, whose memory is then its own."""
    told = subprocess.run(
        [sys.executable, str(Path(script).resolve()), "--data", str(data.resolve()),
         "--scale", str(count)],
        check=True,
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
    )  # fmt: skip
    found: dict[str, float] = json.loads(told.stdout)
    return found
