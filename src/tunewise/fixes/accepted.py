"""A Document -> the fixes that are accepted, with whole values, or the contradiction in them.

Every fault has file and line. Knows nothing of data files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from tunewise.audit.store import load_findings
from tunewise.errors import FixesFileError, did_you_mean
from tunewise.files import file_sha256
from tunewise.fixes.document import (
    Document,
    FindingItem,
    FixItem,
    all_fixes,
    decided,
    shown_value,
    text_hash,
)
from tunewise.records import Action
from tunewise.task.yaml_file import line_of

WORDS: dict[Action, str] = {"delete": "deleted", "relabel": "relabelled", "rewrite": "rewritten"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change of a row that was accepted.

    Attributes:
        source: the file's name, as rows have it.
        row: its number.
        value: to be written, whole; None where the row is deleted.
        line: of fixes.yaml.
    """

    source: str
    row: int
    finding: FindingItem
    fix: FixItem
    value: str | None
    line: int


def accepted(path: Path, document: Document, tree: CommentedMap) -> list[Accepted]:
    """Return the accepted fixes in the file's order.

    Raises:
        FixesFileError: one names a row that can't be, its hidden value can't be found or was
            edited, or two of them contradict each other.
    """
    chosen = [one for one in all_fixes(document) if decided(one[2], one[3]) == "accept"]
    hidden = _hidden_values(path, document) if any(fix.hidden for *_, fix in chosen) else {}
    sources = {file.source for file in document.files}
    found = []
    for n, m, finding, fix in chosen:
        line = line_of(tree, "findings", n, "fixes", m)
        source, _, number = fix.row.rpartition(":")
        if not number.isdecimal() or int(number) < 1:
            raise FixesFileError(
                f"'{fix.row}' is no row",
                where=f"{path}:{line}: row",
                mend="Write file:number, such as tickets.csv:12.",
            )
        if source not in sources:
            raise FixesFileError(
                f"the row '{fix.row}' is of a file that isn't listed under files",
                where=f"{path}:{line}: row",
                mend=did_you_mean(source, sources),
            )
        value = fix.value if fix.hidden is None else _whole(path, line, fix, hidden)
        found.append(Accepted(source, int(number), finding, fix, value, line))
    _refuse_contradictions(path, found)
    return found


def _refuse_contradictions(path: Path, found: list[Accepted]) -> None:
    """Stop when a row is to be deleted and changed, or changed to two different values.

    Input and target are two cells, so a row may be rewritten and relabelled.
    """
    by_row: dict[tuple[str, int], dict[Action, Accepted]] = defaultdict(dict)
    for one in found:
        for action, other in by_row[one.source, one.row].items():
            if action == one.fix.action and other.value != one.value:
                what = f"{WORDS[action]} in two ways, here and on line {other.line}"
            elif action != one.fix.action and "delete" in (action, one.fix.action):
                what = f"{WORDS[one.fix.action]} here and {WORDS[action]} on line {other.line}"
            else:
                continue
            raise FixesFileError(
                f"the row {one.fix.row} would be {what}",
                where=f"{path}:{one.line}",
                mend="Reject one of the two.",
            )
        by_row[one.source, one.row].setdefault(one.fix.action, one)


def _hidden_values(path: Path, document: Document) -> dict[str, str]:
    """Return the values that aren't shown whole, by their hashes."""
    kept = path.absolute().parent / "data" / "findings.json"
    if not kept.exists() or file_sha256(kept) != document.findings_sha256:
        raise FixesFileError(
            f"values are hidden in it, and {kept} isn't there or is of another audit",
            where=str(path),
            mend="Leave the file in its run folder; or audit again, your decisions are kept.",
        )
    fixes = (fix for finding in load_findings(kept) for fix in finding.fixes)
    return {text_hash(fix.value): fix.value for fix in fixes if fix.value is not None}


def _whole(path: Path, line: int, fix: FixItem, hidden: Mapping[str, str]) -> str:
    whole = hidden.get(fix.hidden or "")
    if whole is None or shown_value(whole) != fix.value:
        what = "isn't the one of the audit" if whole is None else "stands below an edited value"
        raise FixesFileError(
            f"'hidden' {what}",
            where=f"{path}:{line}",
            mend="Delete the line 'hidden' to write the value exactly as it stands.",
        )
    return whole
