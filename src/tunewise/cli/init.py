"""`tunewise init`: look at a file of rows and write a task.yaml for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[Path, typer.Argument(help="File of labelled rows.")],
    task: Annotated[Path, typer.Option(help="Where to write the task file.")] = Path("task.yaml"),
) -> None:
    """Write a short commented task.yaml for a file of labelled rows. Never overwrites."""
    from tunewise.data.draft import write_init

    draft = write_init(data, task)
    typer.echo(f"{data}: {draft.rows:,} rows, {len(draft.labels)} labels")
    for choice in draft.choices:
        typer.echo(f"  {choice.role} = {choice.column}, because {choice.reason}")
    for note in draft.notes:
        typer.echo(f"  {note}")
    typer.echo(f"Wrote {task}. Look it over, then: tunewise run {task}")
