"""`tunewise launch`: run a task with trainings in several processes, here or in a cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.run import carried_out


def launch(  # noqa: PLR0917 -- one option each
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that train together; left out, one for each card."),
    ] = None,
    cloud: Annotated[
        str | None,
        typer.Option(metavar="CARDS", help="Rent cards through SkyPilot: L4:1, A100:2 …"),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Let SkyPilot rent without asking first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress and result as JSON, one object a line.")
    ] = False,
) -> None:
    """Run a task, its language models tuned in several processes through accelerate.

    The configuration for accelerate is written beside the checkpoints and named in a line; with
    --cloud, a task for SkyPilot is written as sky.yaml and launched if SkyPilot is installed. The
    result is that of one process, but for rounding.
    """
    if cloud is not None:
        _in_cloud(task, cloud, yes=yes)
        return
    if processes is None:
        import torch

        processes = max(1, torch.cuda.device_count())
    carried_out(task, runs, as_json=as_json, processes=processes)


def _in_cloud(task: Path, cards: str, *, yes: bool) -> None:
    from tunewise.sky import launched_by_sky, written_for_sky

    path = written_for_sky(task, cards)
    typer.echo(f"Written: {path}")
    status = launched_by_sky(path, yes=yes)
    if status is None:
        typer.echo(f"SkyPilot isn't installed; with it (pip install skypilot): sky launch {path}")
    elif status:
        raise typer.Exit(status)
