"""Faults these catch: written answers taken for labels, refused, changed, or the wrong column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tunewise.data.split import split
from tunewise.records import Dataset, Example
from tunewise.task.settings import DataSettings

TEXTS = [f"a long text about matter number {n}, which goes on and on" for n in range(40)]
SHORT = [f"It is about matter {n}." for n in range(40)]


def csv_with(names: str, *columns: list[str]) -> str:
    rows = ['"' + '","'.join(cells) + '"' for cells in zip(*columns, strict=True)]
    return "\n".join([names, *rows]) + "\n"


def test_written_answers_are_read_as_they_are_and_make_no_labels(write, dataset) -> None:
    padded = [f" {text}\t" for text in SHORT]
    write("t.csv", csv_with("text,summary", TEXTS, padded))
    found = dataset("t.csv", kind="generation")
    assert [(e.input, e.target) for e in found.examples] == list(zip(TEXTS, padded, strict=True))
    assert found.labels == ()
    assert "cut off" not in found.columns[1].reason


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("text,summary", ("text", "summary")),
        ("original_text,reference_summary", ("original_text", "reference_summary")),
        ("dialogue,section_text", ("dialogue", "section_text")),
        ("article,highlights", ("article", "highlights")),
        ("question,answer", ("question", "answer")),
        ("source,target", ("source", "target")),
        ("inputText,modelOutput", ("inputText", "modelOutput")),
        ("xyz,abc", ("xyz", "abc")),
        ("body,reply", ("body", "reply")),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_input_and_answer_are_found(
    write, dataset, names: str, chosen: tuple[str, str], backwards: bool
) -> None:
    columns = [*zip(names.split(","), (TEXTS, SHORT), strict=True), ("id", [*map(str, range(40))])]
    columns = columns[::-1] if backwards else columns
    header = ",".join(name for name, _ in columns)
    write("t.csv", csv_with(header, *(cells for _, cells in columns)))
    found = dataset("t.csv", kind="generation")
    assert tuple(c.column for c in found.columns) == chosen
    assert all(c.reason for c in found.columns)


def test_a_column_that_is_mostly_blank_is_not_the_input(write, dataset) -> None:
    titles = ["A title", *[""] * 39]
    write("t.csv", csv_with("title,original_text,summary", titles, TEXTS, SHORT))
    assert dataset("t.csv", kind="generation").columns[0].column == "original_text"


def test_another_column_that_could_be_the_answer_is_named(write, dataset) -> None:
    other = [f"Another view of it, the {n}th" for n in range(40)]
    write("t.csv", csv_with("xyz,abc,def", TEXTS, SHORT, other))
    assert "'abc' could have been it too" in dataset("t.csv", kind="generation").columns[1].reason


def test_the_same_answer_to_all_is_read(write, dataset) -> None:
    write("t.csv", csv_with("text,answer", TEXTS, ["No comment."] * 40))
    found = dataset("t.csv", kind="generation")
    assert {e.target for e in found.examples} == {"No comment."}


def rows(count: int) -> list[Example]:
    return [Example(f"id-{n}", f"text {n}", f"answer {n}", n + 1, "t.csv") for n in range(count)]


def test_written_answers_are_split_by_share_and_each_may_be_drawn() -> None:
    """Were every answer a label of its own, none could be drawn: each would be its last row."""
    found = Dataset(tuple(rows(2_000)), (), ())
    splits = split(found, DataSettings(train="t.csv", test_share=0.3), 0)
    assert abs(len(splits.test) - 600) < 5 * (2_000 * 0.3 * 0.7) ** 0.5
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 2_000


@hypothesis_settings(max_examples=60)
@given(before=st.integers(40, 80), added=st.integers(0, 40), seed=st.integers(0, 20))
def test_adding_rows_never_moves_one_from_test_to_train(before: int, added: int, seed: int) -> None:
    settings = DataSettings(train="t.csv", test_share=0.3)
    more = rows(before + added)
    small = split(Dataset(tuple(more[:before]), (), ()), settings, seed)
    large = split(Dataset(tuple(more), (), ()), settings, seed)
    assert set(small.test) <= set(large.test)
