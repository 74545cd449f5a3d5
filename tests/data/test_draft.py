"""Faults these catch: a task file that doesn't load, says another thing, or replaces one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.conftest import TICKETS, csv_of, xlsx_of
from tests.data.test_generation import SHORT, TEXTS, csv_with
from tests.data.test_shapes import SHAPES, jsonl, turns
from tunewise.data.draft import draft, write_init
from tunewise.data.read import read_dataset
from tunewise.errors import TaskFileError
from tunewise.task.load import load_task


def drafted(path: Path):
    """Return the draft for a file, its task as it loads, and the rows as the task reads them."""
    task_file = path.parent / "task.yaml"
    made = write_init(path, task_file)
    task = load_task(task_file)
    assert (task.task, task.kind) == (made.task, made.kind)
    return made, task, read_dataset(task.data, path.parent, kind=task.kind)


def test_labels_make_a_task_of_classification(write) -> None:
    made, task, dataset = drafted(write("train.csv", csv_of()))
    assert (made.kind, dataset.labels) == ("classification", ("access", "billing", "orders"))
    assert (task.data.input, task.data.target, task.data.format) == ("text", "label", "auto")
    assert "tunewise run task.yaml" in made.text
    assert "candidates:" in made.text


def test_written_answers_make_a_task_of_generation(write) -> None:
    made, task, dataset = drafted(write("t.csv", csv_with("text,summary", TEXTS, SHORT)))
    assert (made.kind, dataset.labels, made.labels) == ("generation", (), ())
    assert (task.data.input, task.data.target) == ("text", "summary")
    assert "tunewise run task.yaml" in made.text
    assert [entry.kind for entry in task.candidates] == ["majority", "prompt", "lora"]
    assert [c.role for c in made.choices] == ["input", "target"]
    assert all("its name says so" in c.reason for c in made.choices)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_shape_gets_a_task_that_reads_it_so(write, name: str) -> None:
    made, task, dataset = drafted(write("t.jsonl", jsonl(SHAPES[name])))
    assert made.kind == "generation"
    assert [(e.input, e.target) for e in dataset.examples] == [
        (e.input, e.target)
        for e in read_dataset(
            task.data.model_copy(update={"format": "auto", "input": None, "target": None}),
            Path(task.data.train).parent if Path(task.data.train).is_absolute() else made_in(write),
            kind="generation",
        ).examples
    ]
    assert task.data.format == ("auto" if name == "columns" else name)


def made_in(write) -> Path:
    """Return the folder that `write` writes to."""
    return write("here", "").parent


def test_few_answers_of_conversations_make_a_task_of_classification(write) -> None:
    rows = [{"messages": turns(text, label)} for text, label in TICKETS]
    made, task, dataset = drafted(write("t.jsonl", jsonl(rows)))
    assert (made.kind, task.data.format, task.data.input) == (
        "classification",
        "messages",
        "messages",
    )
    assert dataset.labels == ("access", "billing", "orders")


def test_a_named_label_beside_two_texts_is_what_is_answered(write) -> None:
    labels = [f"kind {n % 3}" for n in range(40)]
    made, task, _ = drafted(write("t.csv", csv_with("text,reply,category", TEXTS, SHORT, labels)))
    assert (made.kind, task.data.target) == ("classification", "category")


def test_a_sheet_among_others_is_named(write, tmp_path: Path) -> None:
    import openpyxl

    path = write("t.xlsx", xlsx_of([["text", "label"], *map(list, TICKETS)], sheet="May"))
    book = openpyxl.load_workbook(path)
    for row in (["a", "b"], ["c", "d"]):
        (book["June"] if "June" in book.sheetnames else book.create_sheet("June")).append(row)
    book.save(path)
    made, task, _ = drafted(path)
    assert task.data.sheet == "May"
    assert any(c.role == "sheet" and "'June' has some too" in c.reason for c in made.choices)


@pytest.mark.parametrize(
    ("train", "others"),
    [
        ("train.csv", {"test": "test.csv", "validation": "dev.csv"}),
        ("TrainingSet.csv", {"validation": "ValidationSet.csv", "test": "TestSet.csv"}),
        ("TRAIN.csv", {"test": "TEST.csv"}),
    ],
)
def test_files_beside_it_are_used(write, train: str, others: dict[str, str]) -> None:
    for name in others.values():
        write(name, csv_of())
    _, task, _ = drafted(write(train, csv_of()))
    assert {side: getattr(task.data, side) for side in others} == others


def test_nothing_is_ever_overwritten(write, tmp_path: Path) -> None:
    path = write("train.csv", csv_of())
    (tmp_path / "task.yaml").write_text("mine")
    with pytest.raises(TaskFileError, match="isn't overwritten"):
        write_init(path, tmp_path / "task.yaml")
    assert (tmp_path / "task.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["a # b", "é: x", 'q"uote', "- dash", "yes", "tab\tin"])
def test_odd_column_names_come_through_the_task_file(write, name: str) -> None:
    rows = [{name: text, "category": label} for text, label in TICKETS]
    _, task, dataset = drafted(write("t.json", json.dumps(rows)))
    assert task.data.input == name
    assert len(dataset.examples) == len(TICKETS)


def test_a_draft_alone_writes_nothing(write, tmp_path: Path) -> None:
    path = write("train.csv", csv_of())
    draft(path, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["train.csv"]
