"""A finished run's winner, or the candidate named, with its files as its fit left them.

What predicting, serving and exporting begin with. Loads no model and knows nothing of what becomes
of the candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.errors import RunFolderError, did_you_mean
from tunewise.files import read_record
from tunewise.records import Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import Entry, Task, named
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import trusted


@dataclass(frozen=True)
class Chosen:
    """A candidate of a run, whose files are as its fit left them.

    Attributes:
        files: the run folder.
        task: as it was run.
        name: of the candidate.
        entry: the candidate's settings.
        fit: fingerprint of the stage that fitted it.
    """

    files: RunFolder
    task: Task
    name: str
    entry: Entry
    fit: str


def chosen(files: RunFolder, candidate: str | None = None) -> Chosen:
    """Return a run's winner, or the candidate named, without loading it.

    Raises:
        RunFolderError: no winner, no such candidate, or files changed since the run.
    """
    task = load_task(files.task)
    entries = named(task.candidates)
    name = candidate or _winner(files)
    if name not in entries:
        raise RunFolderError(
            f"there is no candidate '{name}'",
            where=str(files.path),
            mend=did_you_mean(name, entries),
        )
    fit = trusted(files, f"{name}.fit").fingerprint
    return Chosen(files, task, name, entries[name], fit)


def _winner(files: RunFolder) -> str:
    trusted(files, "verdict")
    found = read_record(files.verdict, Verdict).winner
    if found is None:
        raise RunFolderError(
            "the run has no winner",
            where=str(files.path),
            mend="Name a candidate with --candidate, or read why in report.html.",
        )
    return found
