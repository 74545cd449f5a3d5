"""Faults these catch: a cell changed on its way in, the wrong sheet, a broken file's traceback."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import TICKETS, csv_of, xlsx_of
from tunewise.data.cells import cell_text
from tunewise.data.readers import Fault, read_table
from tunewise.errors import DataError

SHEET = [["text", "label"], *map(list, TICKETS)]


def book_of(**sheets: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    return book


def saved(book: openpyxl.Workbook, path: Path) -> Path:
    book.save(path)
    return path


def texts(path: Path, sheet: str | None = None) -> list[tuple[str | None, ...]]:
    table = read_table(path, sheet)
    return [
        tuple(
            cell_text(v, table.place(row), c)
            for v, c in zip(row.values, table.columns, strict=True)
        )
        for row in table.rows()
    ]


def test_a_sheet_reads_as_the_same_rows_saved_as_csv(write, dataset) -> None:
    write("a.xlsx", xlsx_of(SHEET))
    write("a.csv", csv_of())
    assert [e.id for e in dataset("a.xlsx").examples] == [e.id for e in dataset("a.csv").examples]


def test_numbers_dates_and_truth_are_written_plainly(tmp_path: Path) -> None:
    day, moment = datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31, 9, 5)
    book = book_of(a=[["n", "m", "day", "moment", "time", "yes"]])
    book["a"].append([3, 2.5, day, moment, datetime.time(9, 5), True])
    book["a"]["C2"].number_format = "yyyy-mm-dd"
    assert texts(saved(book, tmp_path / "t.xlsx")) == [
        ("3", "2.5", "2024-01-31", "2024-01-31 09:05:00", "09:05:00", "true")
    ]


def test_a_formula_counts_as_what_was_last_calculated(tmp_path: Path) -> None:
    path = saved(book_of(a=[["text", "label"], ["a", "=1+1"], ["b", '=""']]), tmp_path / "t.xlsx")
    changed = {
        b"<f>1+1</f><v />": b"<f>1+1</f><v>2</v>",
        b'<c r="B3"><f>""</f><v />': b'<c r="B3" t="str"><f>""</f><v></v>',
    }
    rewritten(path, "xl/worksheets/sheet1.xml", changed)
    assert texts(path) == [("a", "2"), ("b", None)]


def rewritten(path: Path, part: str, changes: dict[bytes, bytes]) -> None:
    """Change bytes of one part of a spreadsheet, as another program might have written it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = parts[part].replace(b"<v></v>", b"<v />").replace(b"<v/>", b"<v />")  # by lxml
    for old, new in changes.items():
        assert old in parts[part], parts[part]
        parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_a_fault_in_a_column_that_nobody_reads_is_no_fault(write, dataset) -> None:
    write("t.xlsx", xlsx_of([["text", "label", "sum"], *([t, y, "=A1"] for t, y in TICKETS)]))
    assert len(dataset("t.xlsx").examples) == len(TICKETS)
    row = next(iter(read_table(write("u.xlsx", xlsx_of([["a", "b"], ["x", "=A1"]]))).rows()))
    assert isinstance(row.values[1], Fault)


def test_the_first_sheet_with_rows_is_read_and_the_others_are_told(
    write, dataset, tmp_path: Path
) -> None:
    book = book_of(about=[["Tickets of May"]], May=SHEET, June=SHEET[:5], empty=[])
    saved(book, tmp_path / "t.xlsx")
    found = dataset("t.xlsx")
    assert len(found.examples) == len(TICKETS)
    choice = next(c for c in found.columns if c.role == "sheet")
    assert (choice.column, choice.reason) == (
        "May",
        "it is the first that has rows; 'June' has some too",
    )
    june = dataset("t.xlsx", sheet="June", kind="generation", input="text", target="label")
    assert [e.row for e in june.examples] == [1, 2, 3, 4]


def test_a_hidden_sheet_comes_after_the_ones_that_are_shown(tmp_path: Path) -> None:
    book = book_of(lists=[["a", "b"], ["x", "y"]], rows=SHEET)
    book["lists"].sheet_state = "hidden"
    assert read_table(saved(book, tmp_path / "t.xlsx")).sheet == "rows"


def test_blank_rows_are_none_and_lines_are_the_sheets_own(tmp_path: Path) -> None:
    path = saved(
        book_of(a=[[], ["text", "label"], [], ["a", "x"], [None, " "], ["b", "y"]]),
        tmp_path / "t.xlsx",
    )
    found = [(row.number, row.line, row.values) for row in read_table(path).rows()]
    assert found == [(1, 4, ("a", "x")), (2, 5, (None, " ")), (3, 6, ("b", "y"))]


def test_a_size_that_the_file_gets_wrong_loses_nothing(tmp_path: Path) -> None:
    path = saved(book_of(a=SHEET), tmp_path / "t.xlsx")
    rewritten(path, "xl/worksheets/sheet1.xml", {b'ref="A1:B19"': b'ref="A1"'})
    assert len(texts(path)) == len(TICKETS)


def test_what_xml_cannot_hold_is_read_as_it_was_meant(write) -> None:
    assert texts(write("t.xlsx", xlsx_of([["text"], ["a_x000D_\nb"], ["c_x005F_x000D_d"]]))) == [
        ("a\r\nb",),
        ("c_x000D_d",),
    ]


def test_many_rows_are_read_over_several_batches(write) -> None:
    rows = [["text", "n"], *([f"t{n}", n] for n in range(1_203))]
    assert texts(write("t.xlsx", xlsx_of(rows))) == [(f"t{n}", str(n)) for n in range(1_203)]


CELL = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8).filter(
        lambda text: not text.startswith("=") and not text.startswith("#") and "_x" not in text
    ),
)


@settings(max_examples=40)
@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[object]]
) -> None:
    path = tmp_path_factory.mktemp("xlsx") / "t.xlsx"
    path.write_bytes(xlsx_of([["a", "b", "c"], *rows, ["the", "last", "row"]]))
    found = [row.values for row in read_table(path).rows()]
    padded = [(*row, *[None] * (3 - len(row))) for row in rows if any(c is not None for c in row)]
    assert found == [*padded, ("the", "last", "row")]


WHOLE = xlsx_of(SHEET)
UNPACKED = {
    name: zipfile.ZipFile(io.BytesIO(WHOLE)).read(name)
    for name in zipfile.ZipFile(io.BytesIO(WHOLE)).namelist()
}


@settings(max_examples=60)
@given(
    part=st.sampled_from(sorted(UNPACKED)),
    at=st.floats(0, 1, exclude_max=True),
    junk=st.binary(max_size=6),
    cut=st.integers(0, 40),
)
def test_a_damaged_file_is_read_or_told_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, part: str, at: float, junk: bytes, cut: int
) -> None:
    """Bytes are cut out of one part, and others put there; no traceback may come of it."""
    path = tmp_path_factory.mktemp("xlsx") / "t.xlsx"
    data = UNPACKED[part]
    place = int(at * len(data))
    with zipfile.ZipFile(path, "w") as archive:
        for name, whole in UNPACKED.items():
            archive.writestr(
                name, data[:place] + junk + data[place + cut :] if name == part else whole
            )
    told = ""
    try:
        list(read_table(path).rows())
    except DataError as error:
        told = str(error)
    assert "\n" not in told
