"""Faults these catch: the wrong column taken, a choice without its reason, a setting ignored."""

from __future__ import annotations

import pytest

from tests.data.conftest import TICKETS


def table(header: str, extra) -> str:
    rows = [f"{extra(n)},{text},{label}" for n, (text, label) in enumerate(TICKETS)]
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("id,text,label", ("text", "label")),
        ("id,ticket_body,Category", ("ticket_body", "Category")),
        ("id,requestBody,intentName", ("requestBody", "intentName")),
        ("id,xyz,abc", ("xyz", "abc")),
        ("label_id,words,what", ("words", "what")),
        ("predicted_label,words,what", ("words", "what")),
    ],
)
def test_input_and_target_are_found(write, dataset, header: str, chosen: tuple[str, str]) -> None:
    write("train.csv", table(header, lambda n: n))
    assert tuple(choice.column for choice in dataset().columns) == chosen


def test_the_reason_is_in_words(write, dataset) -> None:
    write("train.csv", table("id,text,abc", lambda n: n))
    text, target = dataset().columns
    assert text.reason == "its name says so (6 words on average)"
    assert target.reason == "few of its values differ (3 different values in 18 rows)"


def test_another_column_that_could_be_the_target_is_named(write, dataset) -> None:
    write("train.csv", table("urgency,text,abc", lambda n: "low" if n % 2 else "high"))
    assert "could have been it too" in dataset().columns[1].reason


def test_task_yaml_overrides_what_names_say(write, dataset) -> None:
    write("train.csv", table("text,label,category", lambda n: f"ticket {n}"))
    found = dataset(input="label", target="category")
    assert [(c.column, c.reason) for c in found.columns] == [
        ("label", "task.yaml says so"),
        ("category", "task.yaml says so"),
    ]
    assert found.examples[0].input == TICKETS[0][0]


def test_one_column_given_the_other_is_found_elsewhere(write, dataset) -> None:
    write("train.csv", table("id,text,label", lambda n: n))
    assert dataset(input="text").columns[1].column == "label"
    assert dataset(target="label").columns[0].column == "text"
