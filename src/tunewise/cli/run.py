"""`tunewise run`: from task.yaml to a verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def run(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Go over the task's budget, and tune at a provider, without being asked."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress and result as JSON, one object a line.")
    ] = False,
) -> None:
    """Fit and judge every candidate of a task, and give a verdict.

    What was done already isn't done again; an interrupted run carries on.
    """
    carried_out(task, runs, as_json=as_json, yes=yes)


def carried_out(
    task: Path, runs: Path | None, *, as_json: bool, processes: int = 1, yes: bool = False
) -> None:
    """Run a task and print its verdict; trainings of language models share `processes`."""
    from tunewise import pipeline
    from tunewise.files import plain, read_record
    from tunewise.progress import progress_for
    from tunewise.records import Verdict

    progress = progress_for(as_json)
    try:
        consent = _consent(yes=yes, as_json=as_json)
        folder = pipeline.run(task, progress, runs, processes, consent=consent, consents=yes)
    finally:
        progress.close()
    if as_json:
        verdict = read_record(folder.verdict, Verdict)
        paths = {"run": folder.path, "report": folder.report}
        typer.echo(json.dumps(plain({"verdict": verdict, **paths}), ensure_ascii=False))
        return
    from rich.console import Console

    from tunewise.report.terminal import print_verdict

    print_verdict(Console(highlight=False), folder)


def _consent(*, yes: bool, as_json: bool) -> Callable[[str], bool] | None:
    """Return who is asked before a budget is gone over; None where nobody can be."""
    if yes:
        return lambda _: True
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return lambda question: typer.confirm(question, default=False)
