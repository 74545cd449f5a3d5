"""`tunewise judge`: a language model rates a run's answers beside people."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer


def judge(  # noqa: PLR0917 -- the command line gives them by name
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    candidate: Annotated[
        list[str] | None,
        typer.Option(help="Rate this one, or with a second one, compare the two. The winner else."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Model on this machine that judges: name, folder or Hub id.")
    ] = "smollm2-135m-instruct",
    rubric: Annotated[str | None, typer.Option(help="What makes an answer good.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to rate, at most.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have a model rate answers, each twice with the order turned; see `tunewise review --results`.

    Its ratings never decide a verdict. How far it agrees with itself is told here, how far with
    people beside their ratings.
    """
    from tunewise.candidates.prompt.local import Local
    from tunewise.candidates.prompt.settings_file import found_model
    from tunewise.decision.words import dollars, percent, percent_range
    from tunewise.files import plain
    from tunewise.progress import progress_for
    from tunewise.review.figures import JUDGE
    from tunewise.review.items import sheet
    from tunewise.review.judge import judged
    from tunewise.workspace.folder import opened, task_folder_of

    folder = opened(run)
    tail = re.sub(r"[^A-Za-z0-9._-]", "-", model.rstrip("/").rsplit("/", 1)[-1])
    made = sheet(run, candidate or [], f"{JUDGE}{tail}"[:64], rows)
    progress = progress_for(as_json)
    try:
        engine = Local(found_model(model, "causal", progress, task_folder_of(folder)))
        found = judged(made, engine, rubric, progress)
    finally:
        progress.close()
    if as_json:
        typer.echo(json.dumps(plain(found), ensure_ascii=False))
        return
    tokens = "" if found.tokens_in is None else f", {found.tokens_in:,} tokens read"
    cost = "" if found.cost is None else f", {dollars(found.cost)}"
    typer.echo(
        f"{found.judge} rated {found.rows:,} rows in {found.seconds:.0f} s{tokens}{cost};"
        f" {found.nonsense:,} of {found.replies:,} replies were no rating."
    )
    if found.steady is not None:
        typer.echo(
            f"With the order turned it says the same on {percent(found.steady.value, found.rows)}%"
            f" of the rows ({percent_range(found.steady, found.rows)}); elsewhere a tie counts, or"
            " a rejection."
        )
    typer.echo("How far it agrees with people: tunewise review RUN --results.")
