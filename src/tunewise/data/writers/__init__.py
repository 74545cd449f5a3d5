"""A data file and changes of its rows -> a new file of the same format.

One file per format; this table of suffixes names them. A row that isn't changed keeps its bytes in
text formats and its values in Parquet and XLSX; the order of rows and columns stays. Knows nothing
of why a row is changed.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tunewise.data.cells import cell_text
from tunewise.data.readers import READERS, Table, read_table
from tunewise.errors import DataError, ProofFailed, did_you_mean

__all__ = ["WRITERS", "Change", "refuse_unwritable", "write_changed"]

WRITERS = {
    ".csv": "delimited:write_csv",
    ".tsv": "delimited:write_tsv",
    ".tab": "delimited:write_tsv",
    ".json": "json_rows:write_json_rows",
    ".jsonl": "json_rows:write_jsonl_rows",
    ".ndjson": "json_rows:write_jsonl_rows",
    ".parquet": "parquet:write_parquet",
    ".xlsx": "xlsx:write_xlsx",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one row.

    Attributes:
        delete: whether the row is left out.
        values: new cells by column: texts, or lists where the cell is nested.
    """

    delete: bool = False
    values: Mapping[str, object] = field(default_factory=dict)


def refuse_unwritable(path: Path) -> None:
    """Raise DataError where no new file of this format can be written."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise DataError(
            f"a new '{suffix}' file can't be written",
            where=str(path),
            mend="Save it without macros as .xlsx, audit that file and decide there."
            if suffix in READERS
            else did_you_mean(suffix, WRITERS),
        )


def write_changed(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the rows of a file to `new`, changed, and prove that they read back as they should.

    Args:
        table: the data file, or the one sheet of it that the new file will have; only read.
        changes: by the row's number, the first row of the file being 1.
        new: where to write; it has the suffix of the old file.

    Raises:
        DataError: the file can't be read, or a change names a row or column that isn't there.
        ProofFailed: the new file has other rows than it should: a fault of ours.
        OSError: there is no room.
    """
    refuse_unwritable(table.path)
    _refuse_strangers(table, changes)
    module, _, name = WRITERS[table.path.suffix.lower()].partition(":")
    getattr(importlib.import_module(f"{__name__}.{module}"), name)(table, changes, new)
    _prove(table, changes, read_table(new))


def _refuse_strangers(table: Table, changes: Mapping[int, Change]) -> None:
    for number, change in changes.items():
        for column in change.values:
            if column not in table.columns:
                raise DataError(
                    f"there is no column '{column}' to change in row {number}",
                    where=table.head,
                    mend=did_you_mean(column, table.columns),
                )
    count = sum(1 for _ in table.rows())
    if beyond := sorted(number for number in changes if not 1 <= number <= count):
        raise DataError(
            f"there is no row {beyond[0]:,} to change; the file has {count:,}",
            where=str(table.path),
            mend="Audit the file again.",
        )
    if count == sum(change.delete for change in changes.values()):
        raise DataError(
            f"all {count:,} rows are to be deleted, which leaves no data",
            where=str(table.path),
            mend="Reject some of the deletions.",
        )


def _prove(old: Table, changes: Mapping[int, Change], made: Table) -> None:
    """Read both files and compare them row by row."""
    new = made.path
    expected = (
        (row, changes.get(row.number, Change()))
        for row in old.rows()
        if not changes.get(row.number, Change()).delete
    )
    if not set(made.columns) <= set(old.columns):
        raise _broken(new, "its columns are others")
    at = {name: n for n, name in enumerate(made.columns)}
    for found, pair in itertools.zip_longest(made.rows(), expected):
        if found is None or pair is None:
            raise _broken(new, "it has more or fewer rows")
        row, change = pair
        for n, name in enumerate(old.columns):  # a key that deleted objects alone had is gone
            now = found.values[at[name]] if name in at else None
            value = change.values.get(name)
            if isinstance(value, str):
                same = cell_text(now, str(new), name) == value
            else:
                kept = row.values[n] if value is None else value
                same = repr(now) == repr(kept) or (old.sheet is not None and _close(now, kept))
            if not same:
                raise _broken(new, f"row {found.number}, column '{name}' is another")


def _close(now: object, value: object) -> bool:
    """Tell whether two cells of a spreadsheet are the same number: 2 is 2.0 there."""
    if isinstance(now, bool) or isinstance(value, bool):
        return False
    if not isinstance(now, int | float) or not isinstance(value, int | float):
        return False
    return math.isclose(now, value, rel_tol=1e-15)  # the last of 17 digits isn't written


def _broken(new: Path, what: str) -> ProofFailed:
    return ProofFailed(
        f"the new file doesn't read back as it should: {what}; it was not kept", where=new.name
    )
