"""task.yaml, or a file of rows alone -> findings, a page and proposed fixes in a run folder.

What `tunewise audit` does, in order; the rooms do the work. The data is read as a run reads it and
by the same stage, so a later run doesn't do it again. Knows nothing of candidates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunewise.audit.store import load_findings, values_of
from tunewise.data.draft import draft
from tunewise.data.sources import is_on_hub, sources
from tunewise.errors import RunFolderError
from tunewise.files import file_sha256, read_record, write_text
from tunewise.fixes.document import Document, counts, read_document, write_document
from tunewise.fixes.proposals import carried_over, proposals
from tunewise.intake import all_findings, describe, nothing_left_of_a_false_start, read_rows
from tunewise.progress import Progress
from tunewise.records import Dataset
from tunewise.report.audit_page import audit_page
from tunewise.report.gather import rows_hashes
from tunewise.report.inspected import Inspected, inspected
from tunewise.task.load import load_task
from tunewise.task.settings import Task
from tunewise.version import __version__
from tunewise.workspace.folder import RunFolder, held, made, task_folder_of
from tunewise.workspace.stages import run_stage

PAGE_VERSION = 1  # rises when the page would be another for the same findings
TASK_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True)
class Audited:
    """What came of an audit.

    Attributes:
        subject: what was audited: the task file or the data file.
        folder: where the results lie.
        seen: the rows and the findings.
        fixes: what fixes.yaml says; None where no change is proposed.
    """

    subject: Path
    folder: RunFolder
    seen: Inspected
    fixes: Document | None


@contextlib.contextmanager
def audited(subject: Path, progress: Progress, runs: Path | None = None) -> Iterator[Audited]:
    """Make all checks, and hold the run folder for what the block does with the result.

    Args:
        subject: a task.yaml, or a file of rows, whose columns are then detected.
        progress: where to say what goes on.
        runs: folder of run folders; left out, 'runs' beside a task file, and for a file of rows
            'runs' where the command is given. Nothing is written beside the rows.

    Raises:
        TunewiseError: a child of it for whatever the user can mend.
    """
    given = _given(subject, runs)
    with nothing_left_of_a_false_start(given.path), held(given.path):
        if given.task is None:
            _refuse_others_audit(RunFolder(given.path), subject)
        folder = made(given.path, given.name, given.task_folder)
        describe(folder, given.text)
        task = given.task or load_task(folder.task)
        data = read_rows(folder, task, given.task_folder, progress)
        all_findings(folder, task, given.task_folder, data, progress)
        seen = inspected(folder, task.task, *data)
        _page(folder, seen)
        fixes = _fixes(folder, data[0], task, given.task_folder, progress)
        yield Audited(subject, folder, seen, fixes)


@dataclass(frozen=True)
class _Given:
    """What is to be audited: the task file's text and folder, and where the results go."""

    name: str
    text: str
    task: Task | None
    task_folder: Path
    path: Path


def _given(subject: Path, runs: Path | None) -> _Given:
    """Return the task that the user wrote, or the one that `init` would draft for the rows."""
    task_folder = subject.absolute().parent
    if subject.suffix.lower() in TASK_SUFFIXES or subject.is_dir():
        task = load_task(subject)
        text = subject.read_text(encoding="utf-8-sig")
        path = (runs or task_folder / "runs") / task.task
        return _Given(task.task, text, task, task_folder, path)
    if is_on_hub(str(subject), Path.cwd()):
        task_folder = Path.cwd()
    drafted = draft(str(subject), task_folder)
    path = (runs or Path("runs")) / f"{drafted.task}-audit"
    return _Given(drafted.task, drafted.text, None, task_folder, path)


def _refuse_others_audit(folder: RunFolder, data_file: Path) -> None:
    """Stop when the folder holds the audit of another file of the same name."""
    if not folder.about.exists() or not folder.task.exists():
        return
    train = load_task(folder.task).data.train
    other = task_folder_of(folder) / train
    if train != str(data_file) and other.resolve() != data_file.resolve():
        raise RunFolderError(
            f"the folder holds the audit of another file ({other})",
            where=str(folder.path),
            mend="Name another folder of results with --runs.",
        )


def _page(folder: RunFolder, seen: Inspected) -> None:
    """Write audit.html unless it was made from the same findings already."""

    def work() -> list[Path]:
        write_text(folder.audit_page, audit_page(seen))
        return [folder.audit_page]

    found = (folder.findings, values_of(folder.findings), folder.timing_of(folder.findings))
    inputs = {
        "findings": [file_sha256(path) for path in found],
        "rows": rows_hashes(folder),
        "tunewise": __version__,
    }
    run_stage(folder, "audit-page", version=PAGE_VERSION, inputs=inputs, work=work)


def _fixes(
    folder: RunFolder, dataset: Dataset, task: Task, task_folder: Path, progress: Progress
) -> Document | None:
    """Return what fixes.yaml says, made anew when the findings are others than it was made from.

    What the user decided before is carried over; the file it stood in is kept under another name
    when it says anything that the new one doesn't.
    """
    findings_sha256 = file_sha256(folder.findings)
    old = read_document(folder.fixes)[0] if folder.fixes.exists() else None
    if old is not None and old.findings_sha256 == findings_sha256:
        return old if old.findings else None
    hashes = read_record(folder.sources, dict[str, str])
    found = sources(task.data, task_folder, progress)
    paths = {name: path for source in found.values() for name, path in source.files}
    files = {name: (paths[name], sha256) for name, sha256 in hashes.items()}
    findings = load_findings(folder.findings)
    new = proposals(findings, findings_sha256, dataset, files, folder.path, sheet=task.data.sheet)
    if old is not None:
        new, carried = carried_over(new, old)
        before = counts(old)
        decisions = before["accept"] + before["reject"]
        if decisions:
            kept = _kept(folder.fixes)
            progress.line(
                f"The findings are others than before, so {folder.fixes.name} was made anew:"
                f" {carried:,} of {decisions:,} decisions were carried over, and the old file"
                f" is kept as {kept.name}."
            )
    if new.findings:
        write_document(folder.fixes, new)
        return new
    folder.fixes.unlink(missing_ok=True)
    return None


def _kept(path: Path) -> Path:
    """Keep a copy of a file under the first free number, and return where."""
    number = 1
    while (copy := path.with_suffix(f".{number}{path.suffix}")).exists():
        number += 1
    write_text(copy, path.read_text(encoding="utf-8"))
    return copy
