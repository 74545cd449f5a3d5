"""`tunewise predict`: answer new rows with a run's winner."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    file: Annotated[
        Path | None, typer.Argument(help="File of new rows; left out or '-', standard input.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column with the text; the task's own when left out.")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(help="Answer with this candidate instead of the winner.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option(help="Add every label's probability to each line.")
    ] = False,
) -> None:
    """Answer new rows: one JSON line each, with the text's row, its answer and its probability."""
    from tunewise import api
    from tunewise.data.rows import read_inputs
    from tunewise.data.store import load_format, load_input_column
    from tunewise.progress import progress_for
    from tunewise.workspace.folder import opened

    files = opened(run)
    path = None if file is None or str(file) == "-" else file
    if path is None and sys.stdin.isatty():
        typer.echo("Type texts, one a line; end with Ctrl-D.", err=True)
    column = column or load_input_column(files)
    rows = read_inputs(path, sys.stdin.buffer, column, load_format(files))
    predictor = api.load(run, candidate)
    progress = progress_for(json_events=False)
    try:
        answers = predictor.answered(rows, progress)
    finally:
        progress.close()
    for row, answer in zip(rows, answers, strict=True):
        line: dict[str, object] = {"row": row.row, "input": row.input, "answer": answer.answer}
        if answer.scores is not None:
            line["probability"] = round(max(answer.scores), 6)
            if probabilities:
                scores = zip(predictor.labels, answer.scores, strict=True)
                line["probabilities"] = {label: round(p, 6) for label, p in scores}
        typer.echo(json.dumps(line, ensure_ascii=False))
