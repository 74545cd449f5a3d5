"""Faults these catch: a check that lets bad answers pass, or accuses good ones."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from tunewise.evaluation.checks import check_figures, passed, reading_grade, rule
from tunewise.evaluation.texts import Asked, row_scores
from tunewise.records import CheckFigures
from tunewise.task.settings import CheckSettings, Task

GERMAN = "Wir dürfen Ihre Daten an andere Unternehmen weitergeben, wenn Sie dem zustimmen."
ENGLISH = "We may share your data with other companies if you agree to it in writing."


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            {"json_schema": {"type": "object", "required": ["a"]}},
            '{"a": 1}',
            ['{"b": 1}', "no json", "", '{"a": 1} and more', "[" * 100_000],
        ),
        ({"regex": r"^\d{4}-\d\d$"}, "2026-11", ["11-2026", ""]),
        ({"must_contain": ["Data", "share"]}, ENGLISH, ["data alone", ""]),
        ({"must_not_contain": ["as an AI"]}, ENGLISH, ["As an ai model, I"]),
        ({"most_words": 3}, "one two three", ["one two three four"]),
        ({"fewest_words": 2}, "one two", ["one", ""]),
        ({"most_characters": 4}, "four", ["fives"]),
        (
            {"reading_grade": 8},
            "You can stop at any time.",
            ["Notwithstanding indemnification obligations, counterparties irrevocably relinquish."],
        ),
        ({"language": "en"}, ENGLISH, [GERMAN]),
    ],
)
def test_a_check_passes_the_good_and_refuses_the_bad(
    check: dict[str, Any], good: str, bad: list[str]
) -> None:
    holds = rule(CheckSettings(**check))
    assert holds(good)
    assert not any(holds(text) for text in bad)


def test_short_answers_are_not_accused_of_a_language() -> None:
    assert rule(CheckSettings(language="en"))("Oui")


def test_an_answer_counts_when_it_passes_every_check() -> None:
    checks = (CheckSettings(most_words=3), CheckSettings(must_contain=["yes"], name="says yes"))
    answers = ["yes", "yes it is so", "no", ""]
    assert passed(checks, answers).tolist() == [
        [True, True], [False, True], [True, False], [True, False]
    ]  # fmt: skip
    assert row_scores("checks", answers, answers, Asked(checks)).tolist() == [1, 0, 0, 0]
    assert check_figures(checks, answers) == (
        CheckFigures("most_words 3", 3, 4),
        CheckFigures("says yes", 2, 4),
    )


def test_no_answers_and_no_checks_are_no_accident() -> None:
    assert passed((), ["a"]).shape == (1, 0)
    assert passed((CheckSettings(most_words=3),), []).shape == (0, 1)


def test_reading_grade_is_the_published_index() -> None:
    """Senter and Smith's formula, counted by hand: 23 letters, 6 words, 2 sentences."""
    text = "We keep it. You can leave now."
    letters, words, sentences = 22, 7, 2
    expected = 4.71 * letters / words + 0.5 * words / sentences - 21.43
    assert reading_grade(text) == pytest.approx(expected)
    assert reading_grade("") == reading_grade("…") == 0


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ({}, "exactly one"),
        ({"regex": "a", "most_words": 1}, "exactly one"),
        ({"regex": "("}, "regular expression is none"),
        ({"json_schema": {"type": "nonsense"}}, "no JSON schema"),
        ({"most_words": -1}, "greater than or equal to 1"),
    ],
)
def test_a_check_that_cannot_be_is_refused(check: dict[str, Any], told: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=told):
        CheckSettings(**check)


def test_checks_and_metrics_that_do_not_fit_the_task_are_refused() -> None:
    data = {"train": "rows.csv"}
    checks = [{"most_words": 3}]
    with pytest.raises(pydantic.ValidationError, match="they look at written answers"):
        Task.model_validate({"task": "t", "data": data, "checks": checks})
    with pytest.raises(pydantic.ValidationError, match="needs at least one item in checks"):
        Task.model_validate(
            {"task": "t", "kind": "generation", "data": data, "decide": {"metric": "checks"}}
        )
    with pytest.raises(pydantic.ValidationError, match="doesn't fit kind 'generation'"):
        Task.model_validate(
            {"task": "t", "kind": "generation", "data": data, "decide": {"metric": "accuracy"}}
        )
