"""Findings -> the Document of their fixes; decisions taken earlier are carried over.

Given findings with whole values and the rows, gives back what fixes.yaml is to say: shortened,
personal data masked. Knows nothing of how it is spelled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from tunewise.audit.clusters import place
from tunewise.audit.masking import change_excerpts, excerpt
from tunewise.data.readers import SHEETS
from tunewise.errors import one_line
from tunewise.fixes.document import (
    ColumnItems,
    Decision,
    Document,
    FileItem,
    FindingItem,
    FixItem,
    all_fixes,
    decided,
    shown_value,
    text_hash,
)
from tunewise.records import Dataset, Example, Finding, Fix
from tunewise.task.settings import Format

LONGEST = 100  # characters of a row's text that are shown


def proposals(
    findings: Sequence[Finding],
    findings_sha256: str,
    dataset: Dataset,
    files: Mapping[str, tuple[Path, str]],
    fixes_folder: Path,
    *,
    sheet: str | None = None,
) -> Document:
    """Return the document of all fixes that findings propose, none of them decided.

    Args:
        findings: worst first, the fixes' values whole.
        findings_sha256: of the file that holds them.
        dataset: the rows.
        files: path and SHA-256 of each data file, by the name that its rows are told under.
        fixes_folder: where the document is to stand; it names the files from there.
        sheet: of spreadsheets; left out, the first that has rows.
    """
    rows = {place(row): row for row in dataset.examples}
    columns = {choice.role: choice.column for choice in dataset.columns}
    return Document(
        findings_sha256=findings_sha256,
        kind="classification" if dataset.labels else "generation",
        format=cast("Format", columns.get("format", "columns")),
        columns=ColumnItems(input=columns["input"], target=columns["target"]),
        files=[
            FileItem(
                source=name,
                path=_path(path, fixes_folder),
                sha256=sha256,
                sheet=sheet if path.suffix.lower() in SHEETS else None,
            )
            for name, (path, sha256) in files.items()
        ],
        findings=[
            FindingItem(
                check=finding.check,
                severity=finding.severity,
                reason=one_line(finding.reason),
                mend=one_line(finding.mend),
                fixes=[_item(fix, rows.get(fix.row)) for fix in finding.fixes],
            )
            for finding in findings
            if finding.fixes
        ],
    )


def carried_over(new: Document, old: Document) -> tuple[Document, int]:
    """Return `new` with the decisions of `old` on the same changes of the same rows, and how many.

    A row is the same when its content is, wherever it stands now.
    """
    known: dict[tuple[str, str, str | None], Decision] = {}
    for _, _, finding, fix in all_fixes(old):
        if fix.id and decided(finding, fix) != "undecided":
            known[_key(fix)] = decided(finding, fix)
    count = 0
    findings = []
    for finding in new.findings:
        fixes = []
        for fix in finding.fixes:
            decision = known.get(_key(fix), "undecided") if fix.id else "undecided"
            count += decision != "undecided"
            fixes.append(fix.model_copy(update={"decision": decision}))
        findings.append(finding.model_copy(update={"fixes": fixes}))
    return new.model_copy(update={"findings": findings}), count


def _key(fix: FixItem) -> tuple[str, str, str | None]:
    return fix.id, fix.action, fix.hidden or fix.value


def _item(fix: Fix, row: Example | None) -> FixItem:
    shown, hidden = fix.value, None
    if fix.value is not None:
        shown = shown_value(fix.value)
        hidden = text_hash(fix.value) if shown != fix.value else None
    now = row.input if row else ""
    if fix.action == "rewrite" and fix.value is not None:
        now, _ = change_excerpts(now, fix.value, LONGEST)
    return FixItem(
        row=fix.row,
        id=row.id if row else "",
        input=short(now),
        target=short(row.target) if row else "",
        action=fix.action,
        value=shown,
        hidden=hidden,
        reason=one_line(fix.reason),
    )


def short(text: str) -> str:
    """Return the beginning of a text on one line, masked."""
    return one_line(excerpt(text, LONGEST + 2), LONGEST + 2)


def _path(path: Path, folder: Path) -> str:
    """Return a path as it is named from a folder; the whole of it from another drive."""
    try:
        return Path(os.path.relpath(path.expanduser().absolute(), folder.absolute())).as_posix()
    except ValueError:
        return path.absolute().as_posix()
