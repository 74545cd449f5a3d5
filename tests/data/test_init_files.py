"""Faults these catch: a task file that can't be run, a file overwritten, a wrong column taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tests.data.conftest import TICKETS, csv_of
from tunewise.data.draft import write_init
from tunewise.data.read import read_dataset
from tunewise.errors import DataError, TaskFileError
from tunewise.task.init import SCHEMA, schema_text
from tunewise.task.load import load_task

Write = Callable[..., Path]


def test_what_is_written_can_be_read_and_says_what_was_chosen(write: Write, tmp_path: Path) -> None:
    data = write("my tickets.csv", csv_of(header="body,category"))
    draft = write_init(data, tmp_path / "task.yaml")
    text = (tmp_path / "task.yaml").read_text()
    assert text.startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    task = load_task(tmp_path / "task.yaml")
    assert task.task == draft.task == "my-tickets"
    assert (task.data.train, task.data.input, task.data.target) == (data.name, "body", "category")
    assert [choice.column for choice in draft.choices] == ["body", "category"]
    assert all(choice.reason for choice in draft.choices)
    assert len(read_dataset(task.data, tmp_path).examples) == len(TICKETS)
    assert (tmp_path / SCHEMA).read_text() == schema_text()


def test_the_schema_accepts_what_is_written(write: Write, tmp_path: Path) -> None:
    import json

    from ruamel.yaml import YAML

    write_init(write("t.csv", csv_of()), tmp_path / "task.yaml")
    tree = YAML(typ="safe").load((tmp_path / "task.yaml").read_text())
    schema = json.loads((tmp_path / SCHEMA).read_text())
    jsonschema.validate(tree, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree | {"candidatse": []}, schema)


def test_nothing_is_overwritten(write: Write, tmp_path: Path) -> None:
    data = write("t.csv", csv_of())
    task = write("task.yaml", "mine")
    with pytest.raises(TaskFileError, match="it isn't overwritten"):
        write_init(data, task)
    assert task.read_text() == "mine"
    task.unlink()
    schema = write(SCHEMA, "mine too")
    with pytest.raises(TaskFileError, match="another schema"):
        write_init(data, task)
    assert schema.read_text() == "mine too"
    assert not task.exists()


def test_files_beside_train_serve_the_other_sides(write: Write, tmp_path: Path) -> None:
    write("tickets-train.csv", csv_of())
    write("tickets-test.csv", csv_of([(f"new {text}", label) for text, label in TICKETS]))
    write_init(tmp_path / "tickets-train.csv", tmp_path / "task.yaml")
    task = load_task(tmp_path / "task.yaml")
    assert (task.task, task.data.test) == ("tickets", "tickets-test.csv")


def test_a_bad_file_leaves_nothing_behind(write: Write, tmp_path: Path) -> None:
    data = write("t.csv", "text,label\n")
    with pytest.raises(DataError):
        write_init(data, tmp_path / "task.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("name", ["no.csv", "yes: [a].csv", "täglich, #1.csv", "-x.csv", "ä.csv"])
def test_file_names_that_mean_something_to_yaml_stay_names(
    name: str, write: Write, tmp_path: Path
) -> None:
    write_init(write(name, csv_of()), tmp_path / "task.yaml")
    assert load_task(tmp_path / "task.yaml").data.train == name
