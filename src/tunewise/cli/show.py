"""`tunewise show`: what a model really sees of a row, and which rows can't be trained on."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewise.rendering.faults import Fault
    from tunewise.viewing.subjects import Trained
    from tunewise.viewing.view import View


class Answers(StrEnum):
    """Answers of a conversation that are trained on."""

    all = "all"
    last = "last"


def show(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    row: Annotated[
        str | None,
        typer.Argument(help="Row number of the train file, 'file:row' or id; the first one."),
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="Model to look with; the task's language model.")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(help="Show the row as this candidate of the task reads it.")
    ] = None,
    at_random: Annotated[bool, typer.Option("--random", help="Any training row.")] = False,
    longest: Annotated[bool, typer.Option("--longest", help="The longest training row.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="List tokens with their ids.")] = False,
    check: Annotated[
        bool, typer.Option("--check", "--all", help="Go through all training rows for faults.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Go on in spite of this fault, such as truncated-answer; repeatable."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens read of each row; all that the model reads.")
    ] = None,
    train_on: Annotated[
        Answers, typer.Option(help="Answers of a conversation that are trained on.")
    ] = Answers.all,
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a model really sees of a row: what it reads, what is trained on, what is cut off.

    Ends with exit status 2 if the row, or with --check any of them, can't be trained on as it is.
    """
    from tunewise.progress import progress_for
    from tunewise.rendering.faults import checked_names, refuse
    from tunewise.viewing.material import material, picked
    from tunewise.viewing.subjects import subject, trained

    ways = {"a row": row is not None, "--random": at_random, "--longest": longest}
    _refuse_several({"--check": check, **ways})
    _refuse_several({"--check": check, "--candidate": candidate is not None})
    _refuse_several({"--check": check, "--ids": ids})
    checked_names(allow or ())
    progress = progress_for(as_json)
    try:
        given = material(task, progress)
        if check:
            looked = trained(
                given, progress, model=model, max_length=max_length, train_on=train_on.value
            )
            faults = looked.faults(given.train, progress)
        else:
            looking = subject(
                given,
                progress,
                model=model,
                candidate=candidate,
                max_length=max_length,
                train_on=train_on.value,
                runs=runs,
            )
            lengths = looking.lengths if longest else None
            view = looking.view(picked(given, row, at_random=at_random, lengths=lengths))
            faults = list(view.faults)
    finally:
        progress.close()
    if check:
        _print_check(looked, faults, len(given.train), as_json=as_json)
    else:
        _print_view(view, ids=ids, as_json=as_json)
    refuse(faults, allow or ())


def _print_view(view: View, *, ids: bool, as_json: bool) -> None:
    from rich.console import Console

    from tunewise.files import plain
    from tunewise.report.seen import print_view

    if as_json:
        typer.echo(json.dumps(plain(view)))
    else:
        print_view(Console(highlight=False), view, ids=ids)


def _print_check(looked: Trained, faults: list[Fault], rows: int, *, as_json: bool) -> None:
    from rich.console import Console

    from tunewise.files import plain
    from tunewise.rendering.faults import MENDS
    from tunewise.report.seen import print_faults

    if not as_json:
        what = f"for {looked.model.name}, max_length {looked.max_length or 'unknown'}"
        print_faults(Console(highlight=False), faults, rows, what)
        return
    found = {
        "model": looked.model.name,
        "max_length": looked.max_length,
        "rows": rows,
        "faulty_rows": len({fault.row for fault in faults}),
        "faults": [{**plain(fault), "mend": MENDS[fault.name]} for fault in faults],
    }
    typer.echo(json.dumps(found))


def _refuse_several(given: dict[str, bool]) -> None:
    from tunewise.errors import BadInput

    named = [name for name, there in given.items() if there]
    if len(named) > 1:
        raise BadInput(f"{' and '.join(named)} don't go together", mend="Give one of them.")
