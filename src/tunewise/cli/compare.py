"""`tunewise compare`: what changed between two runs, and whether the difference is real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def compare(
    before: Annotated[Path, typer.Argument(help="The earlier run's folder.")],
    after: Annotated[Path, typer.Argument(help="The later run's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what changed in data, settings and results, and whether that is more than chance."""
    from tunewise.errors import one_line
    from tunewise.files import plain
    from tunewise.run_changes import run_changes

    found = run_changes(before, after)
    if as_json:
        typer.echo(json.dumps(plain(found), ensure_ascii=False))
        return
    changed = [
        f"{key}: {json.dumps(was, ensure_ascii=False)} before,"
        f" {json.dumps(now, ensure_ascii=False)} now"
        for key, (was, now) in found.settings.items()
    ]
    parts = {
        "Data": found.data,
        "Settings": changed or ["The same."],
        "Results": found.results,
        "Verdict before": [found.verdicts[0]],
        "Verdict now": [found.verdicts[1]],
    }
    for title, lines in parts.items():
        typer.echo(f"\n{title}")
        for line in lines:
            typer.echo(f"  {one_line(line)}")
