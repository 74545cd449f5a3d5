"""Faults these catch: a floor that isn't the most frequent label, or isn't repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.candidates import Setup
from tunewise.candidates.majority import Majority
from tunewise.progress import Silent
from tunewise.records import Example
from tunewise.task.settings import MajoritySettings


@pytest.mark.parametrize(("targets", "answer"), [("abbc", "b"), ("bbaa", "a"), ("c", "c")])
def test_the_most_frequent_label_is_answered_the_first_of_equals(
    targets: str, answer: str, tmp_path: Path
) -> None:
    rows = [Example(f"{n}", f"text {n}", t, n, "t.csv") for n, t in enumerate(targets)]
    made = Majority(MajoritySettings(), Setup(("a", "b", "c"), 0, tmp_path))
    made.fit(rows, [], tmp_path, Silent())
    [first, *_] = made.load(tmp_path).predict(rows, Silent())
    assert first.answer == answer
    assert first.scores == tuple(targets.count(label) / len(targets) for label in "abc")
