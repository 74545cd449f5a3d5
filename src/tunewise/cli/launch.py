"""`tunewise launch`: run a task with trainings in several processes of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.run import carried_out


def launch(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    runs: Annotated[
        Path | None, typer.Option(help="Folder of run folders; 'runs' beside the task file.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that train together; left out, one for each card."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress and result as JSON, one object a line.")
    ] = False,
) -> None:
    """Run a task, its language models tuned in several processes through accelerate.

    The configuration for accelerate is written beside the checkpoints and named in a line. The
    result is that of one process, but for rounding.
    """
    if processes is None:
        import torch

        processes = max(1, torch.cuda.device_count())
    carried_out(task, runs, as_json=as_json, processes=processes)
