"""`tunewise curve`: what more labelled rows would buy, and what wrong labels cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def curve(  # noqa: PLR0917 -- the command line gives them by name
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw this candidate; may be repeated. Else a probe and the encoder, or, where"
            " texts are written, what is tuned on them."
        ),
    ] = None,
    more: Annotated[
        int | None,
        typer.Option(min=1, help="Further rows to forecast; as many as there are else."),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, max=20, help="Sets of rows drawn of each size, at most.")
    ] = 3,
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress and result as JSON, one object a line.")
    ] = False,
) -> None:
    """Fit with 100, 200, 500 ... rows, and say what more rows would buy.

    Test rows are not touched. What was measured already isn't measured again.
    """
    from tunewise import pipeline
    from tunewise.curve.asked import Asked
    from tunewise.files import plain, read_record
    from tunewise.progress import progress_for
    from tunewise.records import LearningCurves

    asked = Asked(tuple(candidate or ()), draws, more)
    progress = progress_for(as_json)
    try:
        folder = pipeline.curve(task, progress, asked, runs)
    finally:
        progress.close()
    found = read_record(folder.curve, LearningCurves)
    if as_json:
        paths = {"run": folder.path, "curve": folder.curve, "page": folder.curve_page}
        typer.echo(json.dumps(plain({"curves": found, **paths}), ensure_ascii=False))
        return
    from rich.console import Console

    from tunewise.report.curve_terminal import print_curves

    print_curves(Console(highlight=False), found, folder)
