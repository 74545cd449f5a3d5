"""Faults these catch: a change that lands in another cell or turn, or only half of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tunewise.data.readers import Row, Table, read_table
from tunewise.data.shapes import Said, reader, shape_of
from tunewise.data.shapes.turns import Unusable
from tunewise.data.shapes.written import writer
from tunewise.data.writers import Change, write_changed
from tunewise.task.settings import DataSettings

Write = Callable[..., Path]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


SHORT = [turn("user", "What is it?"), turn("assistant", "A cat.")]
LONG = [
    turn("system", "Be brief."),
    turn("user", "Hello"),
    turn("assistant", "Hello"),
    turn("user", "What\n\nis it?"),
    turn("assistant", "A cat."),
]
ROWS: dict[str, dict[str, Any]] = {
    "columns": {"text": "What is it?", "answer": "A cat."},
    "messages": {"messages": SHORT},
    "messages, long": {"messages": LONG},
    "messages, system beside": {"system": "Be brief.", "messages": SHORT},
    "messages as text": {"messages": json.dumps(SHORT)},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "What is it?"},
            {"from": "gpt", "value": "A cat."},
        ]
    },
    "alpaca": {"instruction": "What is it?", "input": "", "output": "A cat."},
    "alpaca, input": {"instruction": "What", "input": "is it?", "output": "A cat."},
    "prompt-completion": {"prompt": "What is it?", "completion": "A cat."},
    "prompt-completion, turns": {"prompt": SHORT[:1], "completion": SHORT[1:]},
    "preference": {"prompt": "What is it?", "chosen": "A cat.", "rejected": "A dog."},
    "preference, turns": {
        "chosen": SHORT,
        "rejected": [SHORT[0], turn("assistant", "A dog.")],
    },
    "kto": {"prompt": "What is it?", "completion": "A cat.", "label": True},
}


def changed(row: dict[str, Any], text: str | None, target: str | None, path: Path) -> Said:
    """Write a row, change it in a new file, and return what the new file's row says."""
    path.write_text(json.dumps(row) + "\n" + json.dumps(row), encoding="utf-8")
    table, made = read_table(path), path.with_name("new.jsonl")
    columns = {"input": "text", "target": "answer"} if "answer" in row else {}
    settings = DataSettings(train=path.name, **columns)
    shape = shape_of(table, settings, "generation")
    cells = writer(shape, table, "generation")(next(iter(table.rows())), text, target)
    write_changed(read_table(path), {1: Change(values=cells)}, made)
    first, second = (reader(shape, table, "generation")(row) for row in read_table(made).rows())
    assert second == reader(shape, table, "generation")(next(iter(table.rows()))), "another row"
    return first


def said(row: dict[str, Any], path: Path) -> Said:
    return changed(row, None, None, path)


@pytest.mark.parametrize("name", ROWS)
def test_a_new_answer_stands_where_the_old_one_stood(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    before = said(ROWS[name], path)
    after = changed(ROWS[name], None, "A c’at\n!", path)
    assert (after.input, after.target) == (before.input, "A c’at\n!")
    assert after.rejected == before.rejected
    assert after.messages[:-1] == before.messages[:-1]


@pytest.mark.parametrize("name", ROWS)
def test_a_new_input_stands_where_the_old_one_stood(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    before = said(ROWS[name], path)
    wanted = before.input.replace("What", "Who").replace("it?", "that?")
    after = changed(ROWS[name], wanted, "Both.", path)
    assert (after.input, after.target) == (wanted, "Both.")
    assert [m.role for m in after.messages] == [m.role for m in before.messages]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("messages, long", "One text."),
        ("messages, long", "System: Be brief.\n\nUser: a\n\nUser: b\n\nAssistant: c"),
        ("alpaca, input", "What is it?"),
        ("alpaca, input", "What\n\nis\n\nit?"),
    ],
)
def test_what_the_cells_cannot_say_is_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(Unusable):
        changed(ROWS[name], text, None, tmp_path / "rows.jsonl")


def test_one_of_two_turns_with_the_same_words_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="can't say this"):
        path = tmp_path / "rows.jsonl"
        row = {"messages": [turn("user", "yes"), turn("assistant", "?"), turn("user", "yes"),
                            turn("assistant", "ok")]}  # fmt: skip
        changed(row, "User: no\n\nAssistant: ?\n\nUser: yes", None, path)


def test_a_fault_of_the_row_is_told(write: Write) -> None:
    path = write("rows.csv", "text,label\na,x\n,x\n")
    table = read_table(path)
    shape = shape_of(table, DataSettings(train="rows.csv"), "classification")
    rows = list(table.rows())
    with pytest.raises(Unusable, match="no text"):
        writer(shape, table, "classification")(rows[1], "b", None)


def test_labels_keep_no_white_space(write: Write) -> None:
    path = write("rows.csv", "text,label\na, x \n")
    table = read_table(path)
    shape = shape_of(table, DataSettings(train="rows.csv", input="text", target="label"), "classification")  # fmt: skip  # noqa: E501
    assert writer(shape, table, "classification")(one(table), None, "y") == {"label": "y"}


def one(table: Table) -> Row:
    return next(iter(table.rows()))


def test_turns_in_parquet_keep_their_type(tmp_path: Path) -> None:
    turns = [[{**t, "name": None} for t in conversation] for conversation in (LONG, SHORT)]
    table = pyarrow.table({"messages": turns, "n": [1, 2]})
    path, made = tmp_path / "rows.parquet", tmp_path / "new.parquet"
    pyarrow.parquet.write_table(table, path)
    shape = shape_of(read_table(path), DataSettings(train="rows.parquet"), "generation")
    cells = writer(shape, read_table(path), "generation")(one(read_table(path)), None, "A dog.")
    write_changed(read_table(path), {1: Change(values=cells)}, made)
    after = pyarrow.parquet.read_table(made)
    assert after.schema == pyarrow.parquet.read_schema(path)
    turns[0][-1]["content"] = "A dog."
    assert after["messages"].to_pylist() == turns
