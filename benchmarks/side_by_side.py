"""What the benchmarks share: a clock around some work, and the commit that is checked out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


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
