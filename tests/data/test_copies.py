"""Faults these catch: conversations that are copies by their system prompt alone, or never."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tunewise.audit import audit
from tunewise.data.copies import asked, told
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.progress import Silent
from tunewise.records import Example, Message
from tunewise.task.settings import Task

SYSTEM = "You are the friendly voice of a bank. " + "Never promise what you can't keep. " * 40
QUESTIONS = (
    *("Where is my new card?", "I lost my purse in a taxi.", "How do I change my address?"),
    *("My transfer hasn't arrived.", "Which currencies can I hold?", "The machine ate my card."),
    *("Can my daughter have an account?", "Someone took money from me.", "I forgot my passcode."),
    *("What does a payment abroad cost?", "Please close my account.", "The app shows no balance."),
)


def talk(question: str, answer: str, system: str = SYSTEM) -> dict[str, object]:
    turns = (("system", system), ("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": said} for role, said in turns]}


def found(folder: Path, rows: list[dict[str, object]]) -> dict[str, list[str]]:
    """Return the rows of each check's findings."""
    (folder / "chats.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    task = Task.model_validate(
        {"task": "t", "kind": "generation", "data": {"train": "chats.jsonl"}}
    )
    dataset = read_dataset(task.data, folder, kind=task.kind)
    sides = split(dataset, task.data, 0)
    listed: dict[str, list[str]] = {}
    for finding in audit(dataset, sides, task, folder, Silent()):
        listed.setdefault(finding.check, []).extend(finding.rows)
    return listed


def test_a_long_system_prompt_that_all_share_makes_no_copies(tmp_path: Path) -> None:
    listed = found(tmp_path, [talk(q, f"Answer {n}.") for n, q in enumerate(QUESTIONS)])
    assert not listed.keys() & {"duplicates", "near_duplicates", "conflicts", "near_conflicts"}


def test_the_same_question_is_a_copy_only_under_the_same_system_prompt(tmp_path: Path) -> None:
    rows = [talk(q, f"Answer {n}.") for n, q in enumerate(QUESTIONS)]
    again = [*rows, talk(QUESTIONS[0], "Answer 0."), talk(QUESTIONS[1].upper(), "Another.")]
    listed = found(tmp_path, again)
    assert len(listed["duplicates"]) == 2
    assert len(listed["conflicts"]) == 2
    other = [*rows, talk(QUESTIONS[0], "Answer 0.", "Be a pirate."), talk(QUESTIONS[1], "Arr!", "")]
    assert not found(tmp_path, other).keys() & {"duplicates", "conflicts", "near_conflicts"}


def test_what_is_compared_is_all_that_was_said_before_the_last_answer() -> None:
    turns = (
        *(Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello")),
        *(Message("user", "My card?"), Message("assistant", "It comes.")),
    )
    row = Example("a", "whole", "It comes.", 1, "x.jsonl", messages=turns)
    assert asked(row) == "Hi\n\nHello\n\nMy card?"
    assert told(row) == "Be brief."
    plain = replace(row, messages=())
    assert (asked(plain), told(plain)) == ("whole", "")
