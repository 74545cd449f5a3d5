"""A small task on tiny models, for the tests of planning."""

from __future__ import annotations

from pathlib import Path

from tiny_encoders import tiny_encoder
from tiny_language_models import tiny_folder

from tunewise.planning.estimate import Plan
from tunewise.planning.plan import Asked, planned
from tunewise.progress import Silent

LABELS = ("card", "loan")


def write_task(folder: Path, candidates: str, *, rows: int = 60, more: str = "") -> Path:
    """Write rows and a task.yaml that names tiny models beside it."""
    lines = [f"my {LABELS[n % 2]} number {n} is it lost,{LABELS[n % 2]}" for n in range(rows)]
    (folder / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    task = folder / "task.yaml"
    task.write_text(
        f"task: planned\n{more}data: {{train: rows.csv, input: text, target: label}}\n"
        f"candidates:\n{candidates}",
        encoding="utf-8",
    )
    return task


def models(folder: Path) -> None:
    """Write a tiny language model and a tiny encoder beside the task."""
    tiny_folder("llama", folder / "writer")
    tiny_encoder("bert", folder / "reader")


def plan_of(task: Path, on: str | None = "a40", *, elsewhere: bool = False) -> Plan:
    """Return a task's plan, this machine unmeasured."""
    return planned(task, Asked(on=on, measure=False, elsewhere=elsewhere), Silent())
