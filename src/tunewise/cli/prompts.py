"""`tunewise prompts`: the templates of prompts, and each prompt as it is asked for a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewise.viewing.prompts import AskedPrompt, TemplateFile


def prompts(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    row: Annotated[
        str | None,
        typer.Argument(help="Row number of the train file, 'file:row' or id; the first one."),
    ] = None,
    *,
    candidate: Annotated[str | None, typer.Option(help="Only this candidate of the task.")] = None,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy the templates into 'prompts' beside the task, to edit."),
    ] = False,
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the templates of prompts, and print each prompt as it is asked for a row.

    A prompt that a run has fitted is shown as the run asks it, with its examples and passages.
    Nothing is sent anywhere.
    """
    from tunewise.files import plain
    from tunewise.progress import progress_for
    from tunewise.viewing.prompts import asked_prompts, copied, template_files

    folder = task.absolute().parent
    if copy:
        for path in copied(folder):
            typer.echo(f"Copied: {path}", err=True)
    progress = progress_for(as_json)
    try:
        files = template_files(folder)
        found = asked_prompts(task, row, progress, candidate=candidate, runs=runs)
    finally:
        progress.close()
    if as_json:
        typer.echo(json.dumps(plain({"templates": files, "prompts": found}), ensure_ascii=False))
        return
    _print(files, found)


def _print(files: list[TemplateFile], found: list[AskedPrompt]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print("Templates:", style="bold")
    for file in files:
        whose = "yours" if file.own else "tunewise's"
        console.print(f"  {file.name:<16} {whose}: {file.what}", markup=False)
    for prompt in found:
        console.print(f"\n{prompt.candidate}, row {prompt.row}", style="bold", markup=False)
        console.print(f"  {prompt.note}", style="dim", markup=False)
        for turn in prompt.turns:
            console.print(f"[{turn.role}]", style="bold", markup=False)
            console.print(turn.content, markup=False, soft_wrap=True)
