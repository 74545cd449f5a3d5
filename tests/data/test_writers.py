"""Faults these catch: a byte of an untouched row changed, a wrong row changed, a file that can't
be read again, the user's file written to."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.data.readers import Fault, read_table
from tunewise.data.writers import Change, refuse_unwritable, write_changed
from tunewise.errors import DataError

Write = Callable[..., Path]


def changed(path: Path, changes: dict[int, Change]) -> bytes:
    """Return the bytes of the new file; the old one must be as it was."""
    before = path.read_bytes()
    new = path.with_name(f"new{path.suffix}")
    write_changed(read_table(path), changes, new)
    assert path.read_bytes() == before
    return new.read_bytes()


ROWS = (
    "\ufeffid;text;label\r\n"
    "\r\n"
    '1;"Say ""hi""; then go";orders\r\n'
    '2;"two\r\nlines\n\nand a blank one";billing\r\n'
    "\r\n"
    "3; spaced ;access\n"
    '4;"";orders\r\n'
    "5;café\u2028;access"
)


def test_untouched_rows_keep_every_byte(write: Write) -> None:
    path = write("rows.csv", ROWS)
    made = changed(path, {2: Change(delete=True), 4: Change(values={"label": "billing"})})
    expected = ROWS.replace('2;"two\r\nlines\n\nand a blank one";billing\r\n', "")
    assert made.decode() == expected.replace('4;"";orders', '4;"";billing')


def test_a_new_cell_is_quoted_only_where_it_must_be(write: Write) -> None:
    path = write("rows.csv", ROWS)
    made = changed(
        path,
        {
            1: Change(values={"text": 'a "b"'}),
            3: Change(values={"text": "x; y", "label": "z"}),
            5: Change(values={"text": "plain", "label": "two\nlines"}),
        },
    ).decode()
    assert '1;"a ""b""";orders\r\n' in made
    assert '3;"x; y";z\n' in made
    assert made.endswith('5;plain;"two\nlines"')


CELL = st.text(st.sampled_from('ab",;\t|\n\r é\u2028😀\x0b'), max_size=8)


def spelled(cell: str, quoted: bool) -> str:
    if quoted or any(c in cell for c in '",\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=2, max_size=8),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    quoted=st.booleans(),
    data=st.data(),
)
def test_any_csv_reads_back_as_it_was_but_for_the_changes(
    rows: list[tuple[str, str, str]],
    ends: str,
    quoted: bool,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    content = ends.join(
        ",".join(spelled(cell, quoted) for cell in row)
        for row in [("first", "second", "third"), *rows]
    )
    (folder / "rows.csv").write_text(content, encoding="utf-8", newline="")
    numbers = st.integers(1, len(rows))
    gone = data.draw(st.sets(numbers, max_size=len(rows) - 1))
    texts = data.draw(st.dictionaries(numbers, CELL, max_size=3))
    changes = {n: Change(values={"second": text}) for n, text in texts.items()}
    changes |= {n: Change(delete=True) for n in gone}
    write_changed(read_table(folder / "rows.csv"), changes, folder / "new.csv")
    expected = [
        (a, texts.get(n, b), c) for n, (a, b, c) in enumerate(rows, start=1) if n not in gone
    ]
    assert [row.values for row in read_table(folder / "new.csv").rows()] == expected


def test_json_keeps_its_spelling_around_what_changes(write: Write) -> None:
    source = (
        '{"about": [1, {"data": 2}],\n "data" : [\n'
        '  {"text": "caf\\u00e9", "n": 1.50, "label": 3, "x": {"label": "no"}},\n'
        '  {"label": true,"text":"b"} ,\n'
        '  {"text": "c", "label": 5}\n ], "end": null}\n'
    )
    path = write("rows.json", source)
    made = changed(
        path,
        {
            1: Change(values={"label": "4", "text": "thé"}),
            2: Change(values={"label": "other"}),
            3: Change(delete=True),
        },
    ).decode()
    assert made == (
        '{"about": [1, {"data": 2}],\n "data" : [\n'
        '  {"text": "th\\u00e9", "n": 1.50, "label": 4, "x": {"label": "no"}},\n'
        '  {"label": "other","text":"b"}\n ], "end": null}\n'
    )


def test_objects_under_keys_go_with_their_keys(write: Write) -> None:
    source = '{\n "u1": {"text": "a", "label": "x"},\n "u2": {"text": "b"} ,\n "u3": {"text": "c"}}'
    path = write("rows.json", source)
    made = changed(path, {1: Change(values={"label": "y"}), 2: Change(delete=True)}).decode()
    assert made == '{\n "u1": {"text": "a", "label": "y"},\n "u3": {"text": "c"}}'
    inside = write("rows.json", f'{{"version": 1, "data": {source}}}')
    made = changed(inside, {3: Change(delete=True)}).decode()
    assert made.endswith('"u2": {"text": "b"}}}')


def test_columns_of_numbered_cells_lose_the_cell_of_every_column(write: Write) -> None:
    source = '{"text":{"0":"a","1":"b","2":"c"},"label":{"0":1,"1":2,"2":3}}'
    path = write("rows.json", source)
    changes = {2: Change(delete=True), 3: Change(values={"label": "7", "text": "é"})}
    made = changed(path, changes).decode()
    assert made == '{"text":{"0":"a","2":"é"},"label":{"0":1,"2":7}}'


def test_jsonl_keeps_lines_blank_ones_and_line_ends(write: Write) -> None:
    source = (
        '\ufeff{"text": "a", "label": "x"}\r\n\n {"label" :"y", "text": "b\\nb"}\n'
        '{"text": "c", "label": "z"}'
    )
    path = write("rows.jsonl", source)
    made = changed(path, {2: Change(values={"label": "é"}), 3: Change(delete=True)}).decode()
    assert made == ('\ufeff{"text": "a", "label": "x"}\r\n\n {"label" :"é", "text": "b\\nb"}\n')


@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), CELL, min_size=1), min_size=2),
    indent=st.sampled_from([None, 2]),
    data=st.data(),
)
def test_any_json_reads_back_as_it_was_but_for_the_changes(
    rows: list[dict[str, str]],
    indent: int | None,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    text = json.dumps(rows, indent=indent, ensure_ascii=data.draw(st.booleans()))
    (folder / "rows.json").write_text(text, encoding="utf-8")
    gone = data.draw(st.sets(st.integers(1, len(rows)), max_size=len(rows) - 1))
    value = data.draw(CELL)
    changes = {
        n: Change(delete=True) if n in gone else Change(values={next(iter(row)): value})
        for n, row in enumerate(rows, start=1)
    }
    write_changed(read_table(folder / "rows.json"), changes, folder / "new.json")
    made = json.loads((folder / "new.json").read_text(encoding="utf-8"))
    expected = [
        row | {next(iter(row)): value} for n, row in enumerate(rows, start=1) if n not in gone
    ]
    assert made == expected


def test_parquet_keeps_types_metadata_and_row_groups(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "text": pyarrow.array([f"text {n}" for n in range(10)], pyarrow.large_string()),
            "label": pyarrow.array([n % 3 for n in range(10)], pyarrow.int8()),
            "kind": pyarrow.array(list("abababababab")[:10]).dictionary_encode(),
            "nested": [[{"a": n}] for n in range(10)],
        }
    ).replace_schema_metadata({"made": "by hand"})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=4)
    changed(
        tmp_path / "rows.parquet",
        {
            2: Change(values={"label": "7", "kind": "c"}),
            6: Change(delete=True),
            9: Change(delete=True),
            10: Change(delete=True),
        },
    )
    made = pyarrow.parquet.read_table(tmp_path / "new.parquet")
    before = pyarrow.parquet.read_schema(tmp_path / "rows.parquet")
    assert made.schema.equals(before, check_metadata=True)
    expected = table.to_pylist()
    expected[1] |= {"label": 7, "kind": "c"}
    assert made.to_pylist() == [row for n, row in enumerate(expected, 1) if n not in (6, 9, 10)]
    with pytest.raises(DataError, match="'x' can't stand in column 'label'"):
        changed(tmp_path / "rows.parquet", {1: Change(values={"label": "x"})})


def test_what_cannot_be_done_is_refused(write: Write) -> None:
    path = write("rows.csv", "text,label\na,b\nc,d\n")
    for changes, told in (
        ({3: Change(delete=True)}, "no row 3 to change; the file has 2"),
        ({1: Change(values={"lable": "x"})}, "Did you mean 'label'?"),
        ({1: Change(delete=True), 2: Change(delete=True)}, "all 2 rows are to be deleted"),
    ):
        with pytest.raises(DataError, match=told.replace("?", r"\?")):
            changed(path, changes)
    with pytest.raises(DataError, match=r"a new '\.xlsm' file can't be written"):
        refuse_unwritable(write("rows.xlsm", "x"))


def workbook(path: Path, rows: list[list[object]], sheet: str = "Rows") -> Path:
    """Write a workbook whose first sheet has rows too, and whose named one is the data's."""
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Read me"])
    table = book.create_sheet(sheet)
    for row in rows:
        table.append(row)
    book.save(path)
    return path


def test_a_spreadsheet_keeps_values_and_kinds_on_the_sheet_that_was_read(tmp_path: Path) -> None:
    day, hour = datetime.date(2026, 11, 26), datetime.time(9, 30)
    rows: list[list[object]] = [
        ["text", "label", "n", "share", "day", "at", "hour", "sure", "broken"],
        [
            "naïve 🙂 text",
            "a",
            7,
            0.1,
            day,
            datetime.datetime(2026, 1, 2, 3, 4),
            hour,
            True,
            "#N/A",
        ],
        ["two\nlines", "b", 2.0, None, None, None, None, False, None],
        ["gone", "b", 1, 1 / 3, day, None, None, None, None],
        [None, None, 3, 2 / 3, None, None, None, None, 5],
    ]
    path = workbook(tmp_path / "rows.xlsx", rows)
    new = tmp_path / "new.xlsx"
    texts = {1: "=1+1", 2: "bell \x07 and _x0041_ as written"}
    changes = {number: Change(values={"text": text}) for number, text in texts.items()}
    changes[3] = Change(delete=True)
    write_changed(read_table(path, "Rows"), changes, new)
    made = read_table(new)
    first, second, last = (dict(zip(made.columns, row.values, strict=True)) for row in made.rows())
    assert made.sheet == "Rows"
    assert first == {
        **{"text": "=1+1", "label": "a", "n": 7, "share": 0.1, "day": day, "hour": hour},
        **{"at": datetime.datetime(2026, 1, 2, 3, 4), "sure": True},
        "broken": Fault("the error #N/A", "Mend the formula or delete the row.", "#N/A"),
    }
    assert (second["text"], second["n"], second["sure"]) == (texts[2], 2, False)
    assert (last["text"], last["n"], last["broken"]) == (None, 3, 5)
    again = tmp_path / "again.xlsx"
    write_changed(read_table(path, "Rows"), changes, again)
    assert again.read_bytes() == new.read_bytes()  # or each call would leave one more file


def test_a_spreadsheet_with_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "rows.xlsx", [["text", "label"], ["a", "=A1"], ["b", "c"]])
    table = read_table(path, "Rows")
    new = tmp_path / "new.xlsx"
    with pytest.raises(DataError, match="a formula that was never calculated"):
        write_changed(table, {2: Change(values={"label": "d"})}, new)
    with pytest.raises(DataError, match=r"32,768 characters, and a cell .* holds 32,767"):
        write_changed(
            table, {1: Change(delete=True), 2: Change(values={"text": "x" * 32_768})}, new
        )


@settings(max_examples=40)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_text_written_to_a_spreadsheet_reads_back(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = workbook(tmp_path_factory.mktemp("any") / "rows.xlsx", [["text"], ["a"]])
    changed(path, {1: Change(values={"text": text})})


def test_a_number_that_is_none_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    columns = {"text": ["a", "b"], "score": [float("nan"), 0.5]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    changed(path, {2: Change(values={"text": "c"})})
    made = pyarrow.parquet.read_table(tmp_path / "new.parquet").to_pydict()
    assert made["text"] == ["a", "c"]
    assert repr(made["score"]) == "[nan, 0.5]"
