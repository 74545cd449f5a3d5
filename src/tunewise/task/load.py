"""Reads task.yaml (YAML 1.2) into a Task; every fault is told with file, line and key.

Given a path, gives back the Task. Knows nothing of what the settings do.
"""

from __future__ import annotations

from pathlib import Path

from tunewise.errors import TaskFileError, did_you_mean
from tunewise.task.settings import Entry, Task, kind_of
from tunewise.task.yaml_file import Form, read_yaml


def load_task(path: Path) -> Task:
    """Return the task that a task.yaml describes.

    Raises:
        FileMissing: there is no such file.
        TaskFileError: it isn't YAML, or a key, type or value is wrong.
    """
    form = Form(
        model=Task,
        error=TaskFileError,
        called="task file",
        example="task: tickets",
        mend="Write one with: tunewise init YOUR-DATA",
        usual_name="task.yaml",
        branches=_entries(),
        unknown_branch=_unknown_candidate,
    )
    task, _ = read_yaml(path, form)
    return task


def _unknown_candidate(where: str, given: object) -> TaskFileError:
    kind = kind_of(given)
    if kind is None:
        return TaskFileError(
            "a candidate is one kind, such as 'probe' or 'probe: {…}'",
            where=where,
            mend="Start each with '- ' on a line of its own, its settings indented below it.",
        )
    mend = did_you_mean(kind, _entries())
    return TaskFileError(f"there is no candidate '{kind}'", where=where, mend=mend)


def _entries() -> dict[str, type[Entry]]:
    """Return each candidate's kind and the model of its entry."""
    return {next(iter(e.model_fields)): e for e in Entry.__subclasses__()}
