"""Faults these catch: a finalist picked by chance where validation can't tell candidates apart."""

from __future__ import annotations

import pytest

from tunewise.decision.finalists import final
from tunewise.records import Interval, Scorecard
from tunewise.task.settings import DecideSettings


def prompt(
    name: str, accuracy: float, tokens: float | None, fit_seconds: float | None
) -> Scorecard:
    return Scorecard(
        candidate=name,
        kind="prompt",
        family="prompt",
        split="validation",
        rows=40,
        metrics={"accuracy": Interval(accuracy, 0.0, 1.0, "")},
        labels=(),
        confused=(),
        tokens_per_request=tokens,
        fit_seconds=fit_seconds,
    )


@pytest.mark.parametrize(
    ("cards", "picked"),
    [
        ([prompt("a", 0.8, 900, 1), prompt("b", 0.9, 5000, 99)], "b"),  # better on validation
        ([prompt("a", 0.9, 632, 23), prompt("b", 0.9, 629, 97)], "b"),  # fewer tokens
        ([prompt("a", 0.9, None, 1), prompt("b", 0.9, 629, 97)], "b"),  # unknown is not none
        ([prompt("a", 0.9, 629, 97), prompt("b", 0.9, 629, 24)], "b"),  # fitted sooner
        ([prompt("b", 0.9, 629, None), prompt("a", 0.9, 629, None)], "a"),  # the name, at last
    ],
)
def test_of_equals_the_one_that_costs_less_to_ask_is_the_finalist(
    cards: list[Scorecard], picked: str
) -> None:
    by_name = {card.candidate: card for card in cards}
    assert final(by_name, by_name, DecideSettings()).finalists == {"prompt": picked}
