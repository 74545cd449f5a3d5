"""`tunewise report`: a run's report as Markdown or JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """What the report is written as."""

    markdown = "markdown"
    json = "json"


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    to: Annotated[Form, typer.Option(help="What to write.")] = Form.markdown,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output else.")] = None,
) -> None:
    """Write a finished run's report as Markdown or JSON; report.html lies in the run folder."""
    from tunewise.data.store import load_dataset
    from tunewise.files import write_text
    from tunewise.report.export import as_json, as_markdown
    from tunewise.report.gather import gathered
    from tunewise.workspace.folder import opened
    from tunewise.workspace.stages import trusted

    folder = opened(run)
    trusted(folder, "verdict")
    evidence = gathered(folder, load_dataset(folder))
    if to is Form.json:
        text = json.dumps(as_json(evidence), ensure_ascii=False, indent=2) + "\n"
    else:
        text = as_markdown(evidence)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
