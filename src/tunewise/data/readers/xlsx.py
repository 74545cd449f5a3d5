"""XLSX spreadsheets -> Table: one sheet, its first row with anything in it being the header.

A formula counts as the value that the spreadsheet program last calculated; macros are never run.
Blank rows are none. A row's line is its number in the sheet, as the program shows it. Knows
nothing of what the columns mean.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.styles.numbers import is_datetime
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from tunewise.data.readers.table import Fault, Row, Table, named_columns
from tunewise.data.readers.text import reading
from tunewise.errors import DataError, did_you_mean

MOST_BYTES = 4 << 30  # of all parts unpacked; more is a bomb, not a table
BATCH = 500  # rows read at a time
CHUNK = 1 << 20  # bytes of a sheet searched at a time
OVERLAP = 512  # bytes searched twice, so that a tag cut by a chunk's end is met whole
OLD_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")  # what .xls files and encrypted ones begin with
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z0-9:]+)\"")
FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how XLSX writes characters that XML can't hold
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, InvalidFileException, EOFError),
    *(KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError),
)  # what openpyxl raises at a file that isn't as the standard has it

Cells = list[object]


def read_xlsx(path: Path, sheet: str | None = None) -> Table:
    """Return the table in one sheet of a spreadsheet.

    Args:
        path: of the file.
        sheet: its name; left out, the first with a header and a row is taken.

    Raises:
        DataError: the file is broken or protected, there is no such sheet, or no header.
    """
    _refuse_encrypted(path)
    filled = {name: _first_rows(path, name) for name in _sheet_names(path)}
    chosen = _chosen(path, filled, sheet)
    (line, header), *rest = filled[chosen] or [(1, [])]
    where = f"{path}:{line}"
    if not rest:
        shown = f" '{chosen}'" if len(filled) > 1 else ""
        raise DataError(
            f"the sheet{shown} has a header and no rows" if header else "the sheet has no rows",
            where=where if header else str(path),
            mend="Name a file that has rows.",
        )
    merged, has_formulas = _searched(path, chosen)
    _refuse_merged(where, line, merged)
    columns = named_columns([_name(value, where) for value in header], where)

    def rows() -> Iterator[Row]:
        found = _rows(path, chosen, with_formulas=has_formulas)
        next(found)
        for number, (at, values) in enumerate(found, start=1):
            if len(values) > len(columns):
                raise _beyond(f"{path}:{at}", len(values), len(columns))
            yield Row(number, at, (*values, *[None] * (len(columns) - len(values))))

    others = tuple(name for name, first in filled.items() if name != chosen and len(first) > 1)
    return Table(path, columns, rows, header=line, sheet=chosen, other_sheets=others)


def _refuse_encrypted(path: Path) -> None:
    with reading(path), path.open("rb") as file:
        head = file.read(len(OLD_MAGIC))
        rest = file.read(CHUNK) if head == OLD_MAGIC else b""
    if not head:
        raise DataError("the file is empty", where=str(path), mend="Name a file that has rows.")
    if head != OLD_MAGIC:
        return
    if "EncryptedPackage".encode("utf-16-le") in rest:
        raise DataError(
            "the spreadsheet is protected by a password",
            where=str(path),
            mend="Open it in the spreadsheet program and save it without one.",
        )
    raise DataError(
        "the file is a spreadsheet of the old .xls kind under another name",
        where=str(path),
        mend="Open it in the spreadsheet program and save it as .xlsx.",
    )


@contextmanager
def _opened(path: Path, *, values: bool = True) -> Iterator[Any]:
    """Give the workbook: with formulas' last results as `values`, else with the formulas."""
    with reading(path):
        file = path.open("rb")  # ours, because openpyxl leaves it open when it fails
    with file:
        with reading(path), _whole(path):
            with zipfile.ZipFile(file) as archive:
                size = sum(part.file_size for part in archive.infolist())
            if size > MOST_BYTES:
                raise DataError(
                    f"the spreadsheet unpacks to {size / 1e9:,.1f} GB",
                    where=str(path),
                    mend="Save the table as CSV, and name that.",
                )
            with _quiet():
                book = openpyxl.load_workbook(
                    file, read_only=True, data_only=values, keep_links=False
                )
        try:
            yield book
        finally:
            book.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence openpyxl on what doesn't change a value (styles, validations, extensions)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn what openpyxl raises at a broken file into one clear error."""
    try:
        yield
    except DataError:
        raise
    except BROKEN as error:
        raise DataError(
            f"the file isn't a whole spreadsheet ({error})",
            where=str(path),
            mend="Open it in the spreadsheet program and save it again; a copy that was cut short"
            " looks like this.",
        ) from error


def _sheet_names(path: Path) -> list[str]:
    """Return the names of all sheets, those that the spreadsheet program hides last."""
    with _opened(path) as book:
        sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
        return [sheet.title for sheet in sheets]


def _first_rows(path: Path, sheet: str) -> list[tuple[int, Cells]]:
    """Return the first two rows of a sheet that have anything in them, if it has so many."""
    return list(itertools.islice(_rows(path, sheet, with_formulas=False), 2))


def _chosen(path: Path, filled: dict[str, list[tuple[int, Cells]]], sheet: str | None) -> str:
    if sheet is not None and sheet not in filled:
        raise DataError(
            f"there is no sheet '{sheet}', which data.sheet asks for",
            where=str(path),
            mend=did_you_mean(sheet, filled),
        )
    if not any(filled.values()):
        raise DataError("the file has no rows", where=str(path), mend="Name a file that has rows.")
    return sheet or max(filled, key=lambda name: len(filled[name]))


def _rows(path: Path, sheet: str, *, with_formulas: bool) -> Iterator[tuple[int, Cells]]:
    """Give (row of the sheet, its values up to the last one) of all rows that aren't blank."""
    with contextlib.ExitStack() as stack:
        results = _cells(path, stack.enter_context(_opened(path))[sheet])
        pairs: Iterable[tuple[Sequence[Any], Sequence[Any]]] = ((row, row) for row in results)
        if with_formulas:
            formulas = _cells(path, stack.enter_context(_opened(path, values=False))[sheet])
            pairs = zip(results, formulas, strict=True)
        for line, (cells, written) in enumerate(pairs, start=1):
            values = [_value(*pair) for pair in zip(cells, written, strict=True)]
            while values and (values[-1] is None or values[-1] == ""):
                values.pop()
            if values:
                yield line, values


def _cells(path: Path, sheet: Any) -> Iterator[Sequence[Any]]:
    """Give the cells of each row, those of blank rows before others included."""
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    rows = sheet.iter_rows()
    while True:
        with _whole(path), _quiet():
            batch = list(itertools.islice(rows, BATCH))
        yield from batch
        if len(batch) < BATCH:
            return


def _value(cell: Any, written: Any) -> object:
    """Return a cell's value.

    Args:
        cell: with the last result, where it is a formula.
        written: the same with the formula itself, where formulas are looked at.
    """
    value = cell.value
    if cell.data_type == "e":
        return Fault(f"the error {value}", "Mend the formula or delete the row.", str(value))
    if value is None and written.data_type == "f" and cell.data_type != "str":
        return Fault(
            "a formula that was never calculated",
            "Open the file in the spreadsheet program and save it, or write the value itself.",
        )
    if isinstance(value, str):
        return ESCAPE.sub(lambda match: chr(int(match[1], 16)), value) if "_x" in value else value
    if isinstance(value, datetime.datetime) and is_datetime(cell.number_format) == "date":
        return value.date()
    return value


def _name(value: object, where: str) -> str:
    if isinstance(value, Fault):
        raise DataError(f"the header holds {value.what}", where=where, mend=value.mend)
    return "" if value is None else str(value)


def _searched(path: Path, sheet: str) -> tuple[list[str], bool]:
    """Return a sheet's merged ranges, and whether any cell holds a formula."""
    merged: set[str] = set()
    formulas = False
    with _opened(path) as book, _whole(path), book[sheet]._get_source() as source:
        tail = b""
        while chunk := source.read(CHUNK):
            seen = tail + chunk
            formulas = formulas or FORMULA.search(seen) is not None
            merged.update(match.decode() for match in MERGED.findall(seen))
            tail = seen[-OVERLAP:]
    return sorted(merged), formulas


def _refuse_merged(where: str, line: int, merged: Sequence[str]) -> None:
    for one in merged:
        _, first, _, last = range_boundaries(one)
        if int(first or 0) <= line <= int(last or 0):
            raise DataError(
                f"cells of the header are merged ({one}), so its columns can't be told apart",
                where=where,
                mend="Undo the merge, and give every column a name of its own in one row.",
            )


def _beyond(where: str, found: int, expected: int) -> DataError:
    return DataError(
        f"the row has a value in column {get_column_letter(found)}, and the header ends at column"
        f" {get_column_letter(expected)}",
        where=where,
        mend="Name that column in the header, or delete what stands above the header or beside the"
        " table.",
    )
