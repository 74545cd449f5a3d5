"""What the benchmarks share: a clock around some work, and the commit that is checked out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
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
