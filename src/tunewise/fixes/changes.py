"""The list of what a new data file changed and why: values masked and shortened, with hashes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tunewise.audit.masking import change_excerpts, excerpt
from tunewise.data.cells import cell_text
from tunewise.data.readers import read_table
from tunewise.fixes.accepted import Accepted

LONGEST = 200  # characters of a value that are shown


def change_lines(
    old: Path, found: Sequence[Accepted], columns: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Give one line per change, in the order of rows.

    Args:
        old: the data file.
        found: the accepted fixes of its rows; the same change asked for twice is one line.
        columns: that are changed, by action; of a deleted row the input is shown.
    """
    by_row: dict[int, list[Accepted]] = defaultdict(list)
    for one in found:
        by_row[one.row].append(one)
    table = read_table(old)
    at = {name: n for n, name in enumerate(table.columns)}
    deleted = 0
    for row in table.rows():
        actions = {one.fix.action: one for one in by_row.get(row.number, ())}
        gone = "delete" in actions
        deleted += gone
        for action, one in actions.items():
            column = columns.get(action, columns["rewrite"])
            before = cell_text(row.values[at[column]], table.place(row), column) or ""
            yield {
                "row": row.number,
                "new_row": None if gone else row.number - deleted,
                "action": action,
                "column": None if gone else column,
                **_values(before, one.value),
                "checks": sorted(
                    {o.finding.check for o in by_row[row.number] if o.fix.action == action}
                ),
                "reason": one.fix.reason or one.finding.reason,
            }


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
