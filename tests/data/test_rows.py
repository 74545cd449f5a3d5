"""Faults these catch: new rows answered out of order, skipped, or under the wrong column."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tunewise.data.rows import read_inputs
from tunewise.errors import DataError


def streamed(text: str | bytes, column: str | None = None):
    content = text if isinstance(text, bytes) else text.encode()
    return read_inputs(None, io.BytesIO(content), column)


def in_file(path: Path, column: str | None = None):
    return read_inputs(path, io.BytesIO(), column)


def test_plain_lines_are_texts() -> None:
    rows = streamed("\ufefffirst\r\n  second, {not JSON}\nthird\n\n")
    assert [(r.row, r.input, r.target) for r in rows] == [
        (1, "first", ""),
        (2, "  second, {not JSON}", ""),
        (3, "third", ""),
    ]


def test_json_lines_are_objects_with_the_column() -> None:
    rows = streamed('{"n": 1, "text": "a\\nb"}\n{"text": "c", "n": null}\n', "text")
    assert [(r.input, r.columns) for r in rows] == [("a\nb", {"n": "1"}), ("c", {})]
    assert [r.input for r in streamed('{"anything": "a"}')] == ["a"]


def test_copies_have_ids_of_their_own() -> None:
    ids = [r.id for r in streamed("a\nb\na\n")]
    assert len(set(ids)) == 3
    assert ids[2] == f"{ids[0]}-2"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text\n1,one\n2,two\n"),
        ("a.tsv", "id\ttext\n1\tone\n2\ttwo\n"),
        ("a.json", '[{"id": 1, "text": "one"}, {"id": 2, "text": "two"}]'),
        ("a.jsonl", '{"id": 1, "text": "one"}\n{"id": 2, "text": "two"}\n'),
    ],
)
@pytest.mark.parametrize("column", ["text", None])
def test_files_need_no_labels(write, name: str, content: str, column: str | None) -> None:
    rows = in_file(write(name, content), column)
    assert [(r.input, r.row, r.source, r.columns) for r in rows] == [
        ("one", 1, name, {"id": "1"}),
        ("two", 2, name, {"id": "2"}),
    ]


def test_a_txt_file_is_plain_lines_even_when_they_look_like_json(write) -> None:
    assert [r.input for r in in_file(write("a.txt", '{"a": 1}\nb\n'), "text")] == ['{"a": 1}', "b"]


@pytest.mark.parametrize(
    ("content", "column", "what", "where"),
    [
        ("a\n\nb\n", None, "no text", "standard input:2"),
        ("", None, "no rows", "standard input"),
        (b"good\nsch\xf6n, gr\xfc\xdfe\n", None, "isn't UTF-8", "standard input:2"),
        ('{"text": "a"}\n{"txt": "b"}\n', "text", "no 'text'", "standard input:2"),
        ('{"text": "a"}\nb\n', "text", "isn't JSON", "standard input:2"),
        ('{"text": "a", "b": 1}\n', None, "2 keys", "standard input:1"),
        ('{"text": null}\n', "text", "no text", "standard input:1"),
        ('{"text": ["a"]}\n', "text", "a list", "standard input:1"),
    ],
)
def test_what_cannot_be_answered_is_told(
    content: str | bytes, column: str | None, what: str, where: str
) -> None:
    with pytest.raises(DataError, match=what) as caught:
        streamed(content, column)
    assert caught.value.where == where
    assert caught.value.mend


def test_a_missing_column_is_told_with_the_nearest(write) -> None:
    with pytest.raises(DataError, match="Did you mean 'text'"):
        in_file(write("a.csv", "id,text\n1,one\n"), "texte")
