"""Faults these catch: an example that no longer loads, reads or splits, or whose schema is old."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.task.init import schema_text
from tunewise.task.load import load_task

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("name", "rows", "used", "labels"),
    [
        ("support-tickets", 8_080, 8_080, 77),
        ("plain-english-contracts", 446, 446, 0),
        ("clinical-notes", 1_501, 800, 0),
    ],
)
def test_an_example_loads_reads_and_splits(name: str, rows: int, used: int, labels: int) -> None:
    folder = EXAMPLES / name
    task = load_task(folder / "task.yaml")
    assert task.task == name
    dataset = read_dataset(task.data, folder, kind=task.kind)
    assert (len(dataset.examples), len(dataset.labels)) == (rows, labels)
    assert dataset.left_out == ()
    splits = split(dataset, task.data, task.seed)
    sides = [*splits.train, *splits.validation, *splits.test]
    assert len(sides) == len(set(sides)) == used
    groups = {row.id: row.group for row in dataset.examples if row.group}
    learnt = {groups[i] for i in (*splits.train, *splits.validation) if i in groups}
    assert not learnt & {groups[i] for i in splits.test if i in groups}


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_an_example_has_its_schema_licence_and_source(folder: Path) -> None:
    assert (folder / "task.schema.json").read_text() == schema_text()
    licence = (folder / "data" / "LICENSE").read_text()
    assert "Licence:" in licence
    assert "https://" in licence
    assert "## The data" in (folder / "README.md").read_text()


def test_the_contracts_are_known_by_their_keys_and_the_junk_is_left_in() -> None:
    folder = EXAMPLES / "plain-english-contracts"
    task = load_task(folder / "task.yaml")
    dataset = read_dataset(task.data, folder, ["key", "uid"], kind=task.kind)
    assert all(row.columns["key"] == row.columns["uid"] for row in dataset.examples)
    assert dataset.examples[0].target == "hi."
