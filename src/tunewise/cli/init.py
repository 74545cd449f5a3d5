"""`tunewise init`: look at a file of rows and write a task.yaml for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[
        str, typer.Argument(help="File of answered rows, or a data set on the Hub (owner/name).")
    ],
    task: Annotated[Path, typer.Option(help="Where to write the task file.")] = Path("task.yaml"),
) -> None:
    """Write a short commented task.yaml for a file of answered rows. Never overwrites."""
    from tunewise.data.columns import shown
    from tunewise.data.draft import write_init
    from tunewise.errors import one_line

    draft = write_init(data, task)
    answers = f"{len(draft.labels)} labels" if draft.labels else "the answers are written texts"
    typer.echo(f"{data}: {draft.rows:,} rows, {answers}")
    for choice in draft.choices:
        typer.echo(f"  {shown(choice)}")
    for note in draft.notes:
        typer.echo(f"  {one_line(note)}")
    typer.echo(f"Wrote {task}. Look it over, then: tunewise run {task}")
