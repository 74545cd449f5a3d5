"""`tunewise push`: an exported folder goes to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.export import To


def push(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    to: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository on the Hub.")],
    *,
    form: Annotated[To, typer.Option("--format", help="Which export is uploaded.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it.")] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Upload in spite of: personal, unproven, outdated; repeatable."),
    ] = None,
) -> None:
    """Upload RUN/shipped/FORMAT with its model card to the Hub, into a private repository."""
    from tunewise.progress import progress_for
    from tunewise.shipping.push import push as pushed

    progress = progress_for(json_events=False)
    try:
        address = pushed(run, form.value, to, progress, public=public, allow=allow or ())
    finally:
        progress.close()
    typer.echo(address)
