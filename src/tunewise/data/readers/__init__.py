"""File formats -> Table. One file per format; this table of suffixes names them.

To add a format: a function Path -> Table in a file here, and its suffix in READERS (in SHEETS too
when its files have several tables, of which the function is then told one).
"""

from __future__ import annotations

import importlib
from pathlib import Path

from tunewise.data.readers.table import Fault, Row, Table
from tunewise.data.readers.text import reading
from tunewise.errors import DataError, did_you_mean

__all__ = ["READERS", "Fault", "Row", "Table", "read_table"]

READERS = {
    ".csv": "delimited:read_csv",
    ".tsv": "delimited:read_tsv",
    ".tab": "delimited:read_tsv",
    ".json": "json_rows:read_json",
    ".jsonl": "json_rows:read_jsonl",
    ".ndjson": "json_rows:read_jsonl",
    ".parquet": "parquet:read_parquet",
    ".xlsx": "xlsx:read_xlsx",
    ".xlsm": "xlsx:read_xlsx",
}
SHEETS = {".xlsx", ".xlsm"}
SPREADSHEETS = {".xls", ".xlsb", ".ods", ".numbers"}
PACKED = {".gz": "gunzip", ".zip": "unzip", ".bz2": "bunzip2", ".xz": "unxz", ".zst": "unzstd"}


def read_table(path: Path, sheet: str | None = None) -> Table:
    """Return the table in a file, by the end of its name.

    Args:
        path: of the file.
        sheet: of a spreadsheet; left out, the first that has rows. Other files have none.

    Raises:
        FileMissing: there is no such file.
        DataError: it can't be read, or isn't of a format that is known.
    """
    with reading(path):
        path.stat()
        if path.is_dir():
            raise IsADirectoryError(path)
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise DataError(_unknown(suffix), where=str(path), mend=_mend(path, suffix))
    module, _, name = READERS[suffix].partition(":")
    reader = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    table: Table = reader(path, sheet) if suffix in SHEETS else reader(path)
    return table


def _unknown(suffix: str) -> str:
    if suffix in SPREADSHEETS:
        return f"of spreadsheets only .xlsx and .xlsm are read, not '{suffix}'"
    if suffix in PACKED:
        return "the file is packed"
    return (
        f"'{suffix}' files aren't read" if suffix else "the name has no ending that says its format"
    )


def _mend(path: Path, suffix: str) -> str:
    if suffix in SPREADSHEETS:
        return f"In the spreadsheet program, save it as {path.stem}.xlsx, and name that here."
    if suffix in PACKED:
        return f"Unpack it first: {PACKED[suffix]} {path.name}"
    return did_you_mean(suffix, READERS)
