"""Faults these catch: a fickle candidate that may win, an unmeasured one that passes in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import Planted, World

from tunewise.decision.finalists import final
from tunewise.records import Consistency, Interval, Scorecard, Ways
from tunewise.task.settings import DecideSettings

ASKED = DecideSettings(least_consistency=0.9)


def alike(value: float, over: Ways = "rewordings") -> Consistency:
    return Consistency(over, 100, 500, Interval(value, value - 0.05, min(1.0, value + 0.05), ""))


def cards(**found: tuple[Consistency, ...]) -> dict[str, Scorecard]:
    planted = {name: Planted(name, 0.8) for name in found}
    world = World({"majority": Planted("majority"), **planted}, test_rows=60)
    rows = world.examples("test", 60)
    made = world.scorecards("test", rows, world.predictions("test", rows))
    return {n: replace(card, consistency=found.get(n, ())) for n, card in made.items()}


def test_the_least_of_what_was_measured_counts() -> None:
    made = cards(prompt=(alike(0.95),), encoder=(alike(0.97), alike(0.85, "seeds")))
    found = final(made, made, ASKED)
    assert found.fickle == ("encoder",)
    assert found.set_aside == ("encoder",)
    assert "tune" not in found.finalists
    assert found.finalists["prompt"] == "prompt"
    assert final(made, made, DecideSettings()).fickle == ()


def test_what_was_not_measured_is_told_and_not_set_aside() -> None:
    made = cards(prompt=(), encoder=(alike(0.95),))
    found = final(made, made, ASKED)
    assert (found.untried, found.fickle) == (("prompt",), ())


def test_the_likeness_of_written_answers_goes_before_their_sameness() -> None:
    one = replace(alike(0.2), likeness=Interval(0.93, 0.9, 0.95, ""))
    made = cards(prompt=(one,))
    assert final(made, made, ASKED).fickle == ()


def test_the_wish_needs_the_measurement() -> None:
    from tunewise.task.settings import Task

    given = {"task": "t", "data": {"train": "a.csv"}, "decide": {"least_consistency": 0.9}}
    with pytest.raises(ValueError, match="least_consistency needs consistency"):
        Task.model_validate(given)
    assert Task.model_validate(given | {"consistency": {}}).consistency is not None
