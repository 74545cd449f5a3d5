"""Faults these catch: rows changed by the run folder, bytes that differ for equal content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.data.store import load_dataset, load_input_column, load_labels, write_dataset
from tunewise.errors import RunFolderError
from tunewise.records import ColumnChoice, Dataset, Example, LeftOut, Message
from tunewise.workspace.folder import RunFolder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EXAMPLE = st.builds(
    Example,
    id=TEXT,
    input=TEXT,
    target=TEXT,
    row=st.integers(1, 10**9),
    source=TEXT,
    columns=st.dictionaries(TEXT, TEXT, max_size=3),
    group=st.none() | TEXT,
    given_split=st.sampled_from([None, "train", "validation", "test"]),
    time=st.none() | TEXT,
    messages=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=3
    ).map(tuple),
    rejected=st.none() | TEXT,
    desirable=st.none() | st.booleans(),
)
DATASET = st.builds(
    Dataset,
    examples=st.lists(EXAMPLE, max_size=6).map(tuple),
    labels=st.lists(TEXT, max_size=4).map(tuple),
    columns=st.just((ColumnChoice("target", "y", "why"), ColumnChoice("input", "x", "so"))),
    left_out=st.lists(st.builds(LeftOut, TEXT, st.integers(1, 99), TEXT), max_size=2).map(tuple),
)


@settings(max_examples=60)
@given(dataset=DATASET)
def test_a_dataset_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    write_dataset(folder, dataset)
    assert load_dataset(folder) == dataset
    assert load_labels(folder) == dataset.labels
    assert load_input_column(folder) == "x"


def test_equal_datasets_give_equal_bytes(tmp_path: Path) -> None:
    def made(order: int) -> RunFolder:
        columns = dict([("a", "1"), ("b", "2")][::order])
        rows = tuple(Example(f"{n}", f"t{n}", "y", n, "s", columns) for n in range(1000))
        folder = RunFolder(tmp_path / str(order))
        write_dataset(folder, Dataset(rows, ("y",), ()))
        return folder

    first, second = made(1), made(-1)
    assert first.dataset.read_bytes() == second.dataset.read_bytes()
    assert first.dataset_about.read_bytes() == second.dataset_about.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "other rows"])
def test_files_changed_from_outside_are_refused(tmp_path: Path, damage: str) -> None:
    folder, other = RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")
    row = Example("1", "t", "y", 1, "s")
    write_dataset(folder, Dataset((row,), ("y",), ()))
    write_dataset(other, Dataset((row, row), ("y",), ()))
    whole = folder.dataset.read_bytes()
    folder.dataset.write_bytes(
        whole[: len(whole) // 2] if damage == "cut" else other.dataset.read_bytes()
    )
    with pytest.raises(RunFolderError, match="changed from outside"):
        load_dataset(folder)
