"""`tunewise schema`: the JSON schema of task.yaml, for editors."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON schema of task.yaml."""
    from tunewise.task.settings import task_schema

    typer.echo(json.dumps(task_schema(), indent=2))
