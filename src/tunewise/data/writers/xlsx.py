"""Changed rows of a spreadsheet: a new workbook with the one sheet that was read.

Cells keep their values and kinds (numbers, dates, truth values, errors). Formulas become the
values that they had, and colours, widths and other sheets stay behind: a table of data is written,
not a copy of the workbook. A row at a time, so that a large sheet needn't fit in memory.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.packaging.core import DocumentProperties
from openpyxl.xml.constants import ARC_CORE
from openpyxl.xml.functions import tostring

from tunewise.data.readers import Fault, Row, Table
from tunewise.data.writers import Change
from tunewise.errors import DataError

MOMENT = datetime.datetime(1980, 1, 1)  # the earliest that a ZIP archive can name
LONGEST = 32_767  # characters that a cell can hold
UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
FORMATS = {  # by which a program, and our reader, tells one kind of moment from another
    datetime.datetime: "yyyy-mm-dd hh:mm:ss",
    datetime.date: "yyyy-mm-dd",
    datetime.time: "hh:mm:ss",
    datetime.timedelta: "[h]:mm:ss",
}


def write_xlsx(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a spreadsheet's sheet.

    Raises:
        DataError: a cell's value can't be written: a formula that was never calculated, or a text
            that is too long.
    """
    book = openpyxl.Workbook(write_only=True)
    made = book.create_sheet(table.sheet)
    with contextlib.closing(made):
        made.append(_cell(made, name) for name in table.columns)
        for row in table.rows():
            change = changes.get(row.number, Change())
            if not change.delete:
                values = _changed(row, table.columns, change)
                made.append(_written(made, values, table.place(row)))
    packed = new.with_name(f"{new.name}.packed")
    book.save(packed)
    _settle(packed, new)
    packed.unlink()


def _settle(packed: Path, new: Path) -> None:
    """Write a workbook anew without the time of writing: the same rows are the same bytes."""
    properties = tostring(DocumentProperties(created=MOMENT, modified=MOMENT).to_tree())
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as out:
        for part in old.infolist():
            with out.open(zipfile.ZipInfo(part.filename, MOMENT.timetuple()[:6]), "w") as to:
                if part.filename == ARC_CORE:
                    to.write(properties)
                else:
                    with old.open(part) as source:
                        shutil.copyfileobj(source, to)


def _changed(row: Row, columns: tuple[str, ...], change: Change) -> list[object]:
    pairs = zip(columns, row.values, strict=True)
    return [change.values.get(name, value) for name, value in pairs]


def _written(sheet: Any, values: Iterable[object], where: str) -> list[Any]:
    cells = []
    for value in values:
        if isinstance(value, Fault) and value.shown is None:
            raise DataError(f"a cell holds {value.what}", where=where, mend=value.mend)
        if isinstance(value, str) and len(value) > LONGEST:
            raise DataError(
                f"a text has {len(value):,} characters, and a cell of a spreadsheet holds"
                f" {LONGEST:,}",
                where=where,
                mend="Save the rows as CSV, audit that file and decide there.",
            )
        cells.append(_cell(sheet, value))
    return cells


def _cell(sheet: Any, value: object) -> Any:
    """Return a cell with this value and no other meaning: '=1+1' is a text."""
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, UNWRITABLE.sub(_escaped, value))
        cell.data_type = "s"
    elif isinstance(value, Fault):
        cell = WriteOnlyCell(sheet, value.shown)
        cell.data_type = "e"
    else:
        cell = WriteOnlyCell(sheet, value)
        if format_ := FORMATS.get(type(value)):
            cell.number_format = format_
    return cell


def _escaped(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"
