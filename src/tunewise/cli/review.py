"""`tunewise review`: people rate a run's answers, blind, on a page or in a table."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewise.review.items import Sheet


def review(  # noqa: PLR0917 -- the command line gives them by name
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    candidate: Annotated[
        list[str] | None,
        typer.Option(help="Rate this one, or with a second one, compare the two. The winner else."),
    ] = None,
    reviewer: Annotated[str, typer.Option(help="Who rates.")] = "me",
    rows: Annotated[int, typer.Option(min=1, help="Rows to rate, at most.")] = 60,
    csv_out: Annotated[Path | None, typer.Option(help="Write a table to fill instead.")] = None,
    csv_in: Annotated[Path | None, typer.Option(help="Take in a filled table.")] = None,
    results: Annotated[bool, typer.Option("--results", help="Tell what was said so far.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; any free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="With --results: print JSON.")] = False,
) -> None:
    """Rate answers of a run, blind and one at a time; stop whenever you like and carry on later.

    Two candidates are set side by side, which of them left being drawn by lot; one alone is
    accepted or rejected. Keys: 1, 2, 3, 4, and the arrows. Several reviewers rate the same rows.
    """
    from tunewise.errors import BadInput

    if sum(map(bool, (csv_out, csv_in, results))) > 1:
        raise BadInput("--csv-out, --csv-in and --results don't go together", mend="Give one.")
    if results:
        _tell(run, as_json=as_json)
        return
    from tunewise.review import ratings
    from tunewise.review.items import OF_ONE, OF_TWO, sheet

    found = sheet(run, candidate or [], ratings.checked_reviewer(reviewer), rows)
    if csv_out is not None:
        ratings.write_table(found, csv_out)
        two = len(found.candidates) == 2
        words = f"left, right, {' or '.join(OF_TWO)}" if two else " or ".join(OF_ONE)
        typer.echo(f"{csv_out}: {len(found.items):,} rows; fill the column 'rating' with {words}.")
    elif csv_in is not None:
        typer.echo(f"{ratings.taken_in(found, csv_in):,} ratings taken in.")
    else:
        _serve(found, port, browser=browser)


def _serve(sheet: Sheet, port: int, *, browser: bool) -> None:
    from tunewise.review.serve import ReviewServer

    with ReviewServer(sheet, port) as server:
        typer.echo(f"Rate {len(sheet.items):,} rows at {server.address}\nEnd with Ctrl-C.")
        if browser:
            webbrowser.open(server.address)
        server.serve_forever()


def _tell(run: Path, *, as_json: bool) -> None:
    from tunewise.files import plain
    from tunewise.review.figures import reviewed, sentences
    from tunewise.review.ratings import all_ratings
    from tunewise.workspace.folder import opened

    found = reviewed(all_ratings(opened(run)))
    if as_json:
        typer.echo(json.dumps(plain(found), ensure_ascii=False))
        return
    if not found:
        typer.echo("Nothing has been rated yet.")
    for one in found:
        for line in sentences(one):
            typer.echo(line)
