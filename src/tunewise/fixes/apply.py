"""Accepted fixes -> new data files beside the old ones, each with a list of what changed and why.

Given a fixes.yaml, checks all of it before anything is written. The user's files are only read;
nothing that exists is overwritten. Knows nothing of the terminal.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tunewise.cache import cache_folder
from tunewise.data.readers import Table, read_table
from tunewise.data.readers.text import reading
from tunewise.data.shapes import Shape
from tunewise.data.writers import refuse_unwritable, write_changed
from tunewise.errors import DataError
from tunewise.files import disk_errors, file_sha256, put_new
from tunewise.fixes.accepted import accepted
from tunewise.fixes.changes import RowChange, change_lines, row_changes, shape_in, targets
from tunewise.fixes.document import Decision, FileItem, counts, read_document
from tunewise.records import Action
from tunewise.task.settings import Kind


@dataclass(frozen=True, slots=True)
class NewFile:
    """A data file that was written.

    Attributes:
        old, new, changes: the user's file, the new one, and the list of what changed.
        rows_before, rows_after: how many rows the two files have.
        rows_by_action: how many rows were deleted, relabelled and rewritten.
        new_labels: targets that no row had before; a slip of the pen shows here.
        lost_labels: targets that no row has any longer.
    """

    old: Path
    new: Path
    changes: Path
    rows_before: int
    rows_after: int
    rows_by_action: dict[Action, int]
    new_labels: tuple[str, ...]
    lost_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a fixes.yaml.

    Attributes:
        files: those with changes.
        unchanged: names of the files in which nothing was accepted.
        decisions: how many fixes were accepted, rejected and left undecided.
    """

    files: tuple[NewFile, ...]
    unchanged: tuple[str, ...]
    decisions: Counter[Decision]


def apply(path: Path, out: Path | None = None) -> Applied:
    """Write new data files with the accepted fixes of a fixes.yaml.

    Args:
        path: of the fixes.yaml.
        out: folder of the new files; left out, each stands beside the old one.

    Raises:
        FixesFileError: a key, type, value or row in it is wrong, or fixes contradict each other.
        DataError: a data file isn't the one that was audited, or can't be changed so.
        FileMissing: one of the files isn't there.
        DiskFull: there is no room.
    """
    document, tree = read_document(path)
    found = accepted(path, document, tree)
    with_changes = {one.source for one in found}
    files = [file for file in document.files if file.source in with_changes]
    paths = {file.source: _path_of(path, file) for file in document.files}
    for file in files:
        _refuse_other(paths[file.source], file, out)
    if not files:
        return Applied((), tuple(paths), counts(document))
    tables = {
        file.source: read_table(paths[file.source], file.sheet)
        for file in (document.files[0], *files)
    }
    shape = shape_in(document, tables[document.files[0].source])
    rows = {
        file.source: row_changes(
            path,
            tables[file.source],
            [one for one in found if one.source == file.source],
            shape,
            document.kind,
        )
        for file in files
    }
    written = []
    for file in files:
        table = tables[file.source]
        folder = out or table.path.parent
        written.append(_written(table, folder, rows[file.source], shape, document.kind))
    unchanged = tuple(file.source for file in document.files if file not in files)
    return Applied(tuple(written), unchanged, counts(document))


def _path_of(fixes: Path, file: FileItem) -> Path:
    return Path(os.path.normpath(fixes.absolute().parent / file.path))


def _refuse_other(path: Path, file: FileItem, out: Path | None) -> None:
    """Stop when a data file isn't the one that was audited, or can't be written anew."""
    with reading(path):
        sha256 = file_sha256(path)
    if sha256 != file.sha256:
        raise DataError(
            "the file isn't the one that was audited (its SHA-256 is another)",
            where=str(path),
            mend="Audit it again; decisions on rows that are still the same are kept.",
        )
    refuse_unwritable(path)
    if out is None and path.is_relative_to(cache_folder()):
        raise DataError(
            "the rows come from the Hub, so there is no file of yours to stand beside",
            where=file.source,
            mend="Name a folder for the new file with --out.",
        )


def _written(
    table: Table, out: Path, rows: Sequence[RowChange], shape: Shape, kind: Kind
) -> NewFile:
    """Write one new file and its list of changes under names that are free."""
    old = table.path
    with _scratch(out, old) as scratch:
        made, listed = scratch / f"new{old.suffix}", scratch / "changes.jsonl"
        write_changed(table, {row.number: row.change for row in rows}, made)
        with listed.open("w", encoding="utf-8") as file:
            for line in change_lines(rows):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        for name in _names(old):
            new, list_of = out / f"{name}{old.suffix}", out / f"{name}.changes.jsonl"
            if _is_free(new, made) and put_new(listed, list_of) and put_new(made, new):
                break
    before, after = targets(table, shape, kind), targets(read_table(new), shape, kind)
    given = {one.value for row in rows for one in row.fixes if one.fix.action == "relabel"}
    labels = kind == "classification"  # else every target is a text of its own
    return NewFile(
        old=old,
        new=new,
        changes=list_of,
        rows_before=before.total(),
        rows_after=after.total(),
        rows_by_action=dict(
            Counter(action for row in rows for action in {one.fix.action for one in row.fixes})
        ),
        new_labels=tuple(sorted(n for n in given if n and not before[n])) if labels else (),
        lost_labels=tuple(sorted(n for n in before if n and not after[n])) if labels else (),
    )


def _is_free(path: Path, made: Path) -> bool:
    return not path.exists() or (path.is_file() and file_sha256(path) == file_sha256(made))


def _names(old: Path) -> Iterator[str]:
    """Give 'tickets.fixed', 'tickets.fixed-2' and so on."""
    for number in itertools.count(1):
        yield f"{old.stem}.fixed" if number == 1 else f"{old.stem}.fixed-{number}"


@contextmanager
def _scratch(out: Path, old: Path) -> Iterator[Path]:
    """Give a folder in `out` for what isn't whole yet; it goes, and so do those of killed calls."""
    folder = out / f".{old.name}.{os.getpid()}.partial"
    try:
        with disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for leftover in out.glob(f".{old.name}.*.partial"):
                number = leftover.name.split(".")[-2]
                if number.isdecimal() and not psutil.pid_exists(int(number)):
                    shutil.rmtree(leftover, ignore_errors=True)
            folder.mkdir()
            yield folder
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise _refused(out, error) from error
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise _refused(out, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refused(out: Path, error: OSError) -> DataError:
    return DataError(
        f"no file can be written here ({error.strerror})",
        where=str(out),
        mend="Name another folder with --out.",
    )
