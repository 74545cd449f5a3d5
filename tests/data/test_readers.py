"""Faults these catch: a value changed on its way in, a wrong line number, a format misread."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.data.readers import read_table

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def read(path: Path) -> tuple[tuple[str, ...], list[tuple[object, ...]], list[int | None]]:
    table = read_table(path)
    rows = list(table.rows())
    assert [row.number for row in rows] == [*range(1, len(rows) + 1)]
    return table.columns, [row.values for row in rows], [row.line for row in rows]


@settings(max_examples=150)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    end: str,
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(out.getvalue().encode())
    columns, found, lines = read(path)
    assert (columns, found) == (("text", "label"), rows)
    starts, line = [], 2
    for row in rows:
        starts.append(line)
        joined = "".join(row)
        line += (
            1
            + len(joined.replace("\r\n", "\n").replace("\r", "\n"))
            - len(joined.replace("\r\n", "\n").replace("\r", "\n").replace("\n", ""))
        )
    if not any(a.endswith("\r") and b.startswith("\n") for a, b in rows):
        assert lines == starts


def test_a_row_is_told_by_the_line_it_begins_on(write) -> None:
    path = write("t.csv", 'text,label\n"two\nlines",a\n\n\nthird,b\n')
    assert read(path) == (("text", "label"), [("two\nlines", "a"), ("third", "b")], [2, 6])


def test_byte_order_mark_and_old_mac_line_ends_are_no_part_of_a_name(write) -> None:
    path = write("t.csv", b"\xef\xbb\xbftext,label\rone,a\rtwo,b\r")
    assert read(path) == (("text", "label"), [("one", "a"), ("two", "b")], [2, 3])


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("text;label\na, b, c;x\nd, e;y\n", ("text", "label")),
        ("text, in full;label\na;x\nb;y\n", ("text, in full", "label")),
        ("text|label\na;b;c|x\n", ("text", "label")),
        ("text\tlabel\na,b\tx\n", ("text", "label")),
        ('"a;b;c;d",label\none,x\ntwo,y\n', ("a;b;c;d", "label")),
        ("text\none\ntwo\n", ("text",)),
    ],
)
def test_the_delimiter_of_a_csv_is_found(write, content: str, columns: tuple[str, ...]) -> None:
    assert read_table(write("t.csv", content)).columns == columns


def test_an_unnamed_index_column_gets_a_name(write) -> None:
    assert read_table(write("t.csv", ",text,label\n0,a,x\n")).columns[0] == "column 1"


def test_tsv_keeps_commas_and_semicolons(write) -> None:
    assert read(write("t.tsv", "text\tlabel\na;b,c\tx\n"))[1] == [("a;b,c", "x")]


def test_a_cell_beyond_the_parsers_own_limit_is_read(write) -> None:
    before = csv.field_size_limit()
    long = "word " * 50_000  # 250,000 characters; the csv module stops at 131,072
    assert read(write("t.csv", f"text,label\n{long},x\n"))[1] == [(long, "x")]
    assert csv.field_size_limit() == before, "the limit is the whole process's"


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_columns_are_the_keys_of_all_objects(write, wrapped: bool) -> None:
    rows = [{"text": "a", "n": 1}, {"text": "b", "late": None, "n": 2.5}]
    path = write("t.json", json.dumps({"data": rows, "version": 1} if wrapped else rows))
    columns, found, _ = read(path)
    assert columns == ("text", "n", "late")
    assert found == [("a", 1, None), ("b", 2.5, None)]


def test_jsonl_lines_are_counted_with_the_blank_ones(write) -> None:
    path = write("t.jsonl", '{"text": "a\\u2028b"}\n\n{"text": "c", "x": [1]}\r\n')
    assert read(path) == (("text", "x"), [("a\u2028b", None), ("c", [1])], [1, 3])


def test_parquet_is_read_over_several_batches(tmp_path: Path) -> None:
    count = 20_001
    table = pyarrow.table({"text": [f"t{n}" for n in range(count)], "label": [*range(count)]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    columns, found, lines = read(tmp_path / "t.parquet")
    assert columns == ("text", "label")
    assert found == [(f"t{n}", n) for n in range(count)]
    assert set(lines) == {None}


def test_rows_can_be_gone_through_again(write) -> None:
    table = read_table(write("t.csv", "text,label\na,x\nb,y\n"))
    first = next(iter(table.rows()))
    assert [first, *table.rows()] == [first, *table.rows()]
