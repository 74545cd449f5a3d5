"""Accepted fixes of one file -> new cells row by row, and the list of what changed and why.

The rows are read as the audit read them, so that a change lands where the text came from,
whatever the shape of the rows. In the list, values are masked and shortened, with hashes.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewise.audit.masking import change_excerpts, excerpt
from tunewise.data.identity import content_hash
from tunewise.data.readers import Row, Table
from tunewise.data.shapes import Said, Shape, reader, shape_of
from tunewise.data.shapes.formats import SPECS
from tunewise.data.shapes.turns import Unusable
from tunewise.data.shapes.written import Write, writer
from tunewise.data.writers import Change
from tunewise.errors import FixesFileError
from tunewise.fixes.accepted import Accepted
from tunewise.fixes.document import Document
from tunewise.records import Action
from tunewise.task.settings import DataSettings, Kind

LONGEST = 200  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of one row.

    Attributes:
        number: of the row.
        said: what it says now.
        change: of its cells.
        fixes: behind it; the same change may have been asked for by several findings.
    """

    number: int
    said: Said
    change: Change
    fixes: tuple[Accepted, ...]


def shape_in(document: Document, table: Table) -> Shape:
    """Return the shape that the audited rows had.

    Args:
        document: says their format and columns.
        table: the first of their files.
    """
    text: str | None = document.columns.input
    target = document.columns.target
    if document.format == "columns":
        return Shape("columns", {"input": document.columns.input, "target": target}, ())
    spec = SPECS[document.format]
    if text == target and spec.input != spec.target:
        text = None  # there is no such column; what is asked stands in the answers' turns
    settings = DataSettings(
        train=table.path.name, format=document.format, input=text, target=target
    )
    return shape_of(table, settings, document.kind)


def row_changes(
    path: Path, old: Table, found: Sequence[Accepted], shape: Shape, kind: Kind
) -> list[RowChange]:
    """Return the changes of a file's rows, in their order.

    Args:
        path: of the fixes.yaml, which faults name with the line.
        old: the rows of the data file.
        found: the accepted fixes of its rows.
        shape: of the rows.
        kind: of the task.

    Raises:
        FixesFileError: a row isn't there, isn't the one that the fix was made for, or its cells
            can't be made to say what the fix wants.
    """
    by_row: dict[int, list[Accepted]] = defaultdict(list)
    for one in found:
        by_row[one.row].append(one)
    read, write = reader(shape, old, kind), writer(shape, old, kind)
    changes = []
    for row in old.rows():
        if row.number in by_row:
            fixes, said = by_row.pop(row.number), read(row)
            _refuse_another(path, said, fixes, kind)
            changes.append(RowChange(row.number, said, _change(path, row, write, fixes), (*fixes,)))
    if by_row:
        beyond = by_row[min(by_row)][0]
        raise FixesFileError(
            f"there is no row {beyond.row:,} in {old.path.name}",
            where=f"{path}:{beyond.line}: row",
            mend="Name a row that is there, or reject the fix.",
        )
    return changes


def _refuse_another(path: Path, said: Said, fixes: Sequence[Accepted], kind: Kind) -> None:
    """Stop when a row isn't the one that was audited; a fix without an id means any row."""
    target = said.target or ""
    content = content_hash(said.input, target.strip() if kind == "classification" else target)
    for one in fixes:
        if one.fix.id and said.fault is None and one.fix.id.partition("-")[0] != content:
            raise FixesFileError(
                f"the row {one.fix.row} isn't the one that the fix was made for",
                where=f"{path}:{one.line}: id",
                mend="Put the row's number right, or delete the line 'id' if you mean this row.",
            )


def _change(path: Path, row: Row, write: Write, fixes: Sequence[Accepted]) -> Change:
    values: dict[Action, str | None] = {one.fix.action: one.value for one in fixes}
    if "delete" in values:
        return Change(delete=True)
    try:
        return Change(values=write(row, values.get("rewrite"), values.get("relabel")))
    except Unusable as error:
        raise FixesFileError(
            f"the row {fixes[0].fix.row} can't be changed: it has {error.fault.what}",
            where=f"{path}:{fixes[0].line}",
            mend=error.fault.mend,
        ) from error


def change_lines(changes: Sequence[RowChange]) -> Iterator[dict[str, object]]:
    """Give one line per change, in the order of rows; several findings with the same share it."""
    deleted = 0
    for row in changes:
        deleted += row.change.delete
        for action in dict.fromkeys(one.fix.action for one in row.fixes):
            fixes = [one for one in row.fixes if one.fix.action == action]
            before = row.said.target if action == "relabel" else row.said.input
            yield {
                "row": row.number,
                "new_row": None if row.change.delete else row.number - deleted,
                "action": action,
                "part": {"rewrite": "input", "relabel": "target"}.get(action),
                **_values(before or "", fixes[0].value),
                "checks": sorted({one.finding.check for one in fixes}),
                "reason": fixes[0].fix.reason or fixes[0].finding.reason,
            }


def targets(table: Table, shape: Shape, kind: Kind) -> Counter[str]:
    """Count the rows of each target, and those that can't be used under ''.

    Labels are taken without white space at their ends.
    """
    read = reader(shape, table, kind)
    return Counter((read(row).target or "").strip() for row in table.rows())


def _values(before: str, after: str | None) -> dict[str, object]:
    if after is None:
        shown: tuple[str, str | None] = excerpt(before, LONGEST), None
    else:
        shown = change_excerpts(before, after, LONGEST)
    return {
        "old": shown[0],
        "old_sha256": _sha256(before),
        "new": shown[1],
        "new_sha256": None if after is None else _sha256(after),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
