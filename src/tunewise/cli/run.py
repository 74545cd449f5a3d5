"""`tunewise run`: from task.yaml to a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def run(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Say yes to tuning at a provider, and to its price.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress and result as JSON, one object a line.")
    ] = False,
) -> None:
    """Fit and judge every candidate of a task, and give a verdict.

    What was done already isn't done again; an interrupted run carries on.
    """
    carried_out(task, runs, as_json=as_json, consents=yes)


def carried_out(
    task: Path, runs: Path | None, *, as_json: bool, processes: int = 1, consents: bool = False
) -> None:
    """Run a task and print its verdict; trainings of language models share `processes`."""
    from tunewise import pipeline
    from tunewise.files import plain, read_record
    from tunewise.progress import progress_for
    from tunewise.records import Verdict

    progress = progress_for(as_json)
    try:
        folder = pipeline.run(task, progress, runs, processes, consents=consents)
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
