"""`tunewise plan`: memory, time and money before anything is fetched or rented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def plan(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    on: Annotated[
        str | None, typer.Option(help="Card to plan for, such as a40; this machine.")
    ] = None,
    *,
    measure: Annotated[
        bool, typer.Option(help="Measure this machine for up to 20 seconds.")
    ] = True,
    details: Annotated[bool, typer.Option("--bytes", help="Show where the bytes go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a task will take: what fits, how long it takes, what it costs, and where.

    No model is fetched: a plan needs its config only.
    """
    from tunewise.files import plain
    from tunewise.planning.plan import Asked, planned
    from tunewise.progress import progress_for

    progress = progress_for(as_json)
    try:
        found = planned(task, Asked(on=on, measure=measure and on is None), progress)
    finally:
        progress.close()
    if as_json:
        typer.echo(json.dumps(plain(found), ensure_ascii=False))
        return
    from rich.console import Console

    from tunewise.report.plan_terminal import print_plan

    print_plan(Console(highlight=False), found, details=details)
