"""Rows on the side to learn from, written shortly, for the tests of the checks of content."""

from __future__ import annotations

from pathlib import Path

from tunewise.audit.sides import Sides
from tunewise.progress import Silent
from tunewise.records import Dataset, Example
from tunewise.task.settings import Task

SENTENCES = [
    f"The {what} that we {did} on the {day} of the month came {how}."
    for what in ("parcel", "letter", "invoice", "order")
    for did in ("sent", "asked for", "were promised")
    for day in ("first", "fifth", "last")
    for how in ("late", "broken", "as agreed")
]


def written(rows: list[tuple[str, str]]) -> Sides:
    """Return rows whose targets are texts; row numbers count from 1 in 'train.csv'."""
    return _sides(rows, ())


def labelled(rows: list[tuple[str, str]]) -> Sides:
    """Return rows whose targets are labels."""
    return _sides(rows, tuple(sorted({label for _, label in rows})))


def _sides(rows: list[tuple[str, str]], labels: tuple[str, ...]) -> Sides:
    examples = tuple(
        Example(f"id-{n}", text, target, n, "train.csv")
        for n, (text, target) in enumerate(rows, start=1)
    )
    kind = "classification" if labels else "generation"
    task = Task.model_validate({"task": "t", "kind": kind, "data": {"train": "train.csv"}})
    return Sides(Dataset(examples, labels, ()), examples, (), (), task, Path(), Silent())


def clean() -> list[tuple[str, str]]:
    """Return rows in which there is nothing to find."""
    verbs = ("Keep", "Return", "Pay for", "Ask about", "Forget", "Replace")
    return [
        (
            f"{text} What should we do about it now, in case {n}?",
            f"{verbs[n % 6]} it {n} times this week.",
        )
        for n, text in enumerate(SENTENCES)
    ]


def at(number: int) -> str:
    """Return the place of a row."""
    return f"train.csv:{number}"
