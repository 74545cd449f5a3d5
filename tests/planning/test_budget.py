"""Faults these catch: a budget that is gone over unasked, a run refused that keeps to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from planned_task import models, write_task

from tunewise import pipeline
from tunewise.errors import BadInput
from tunewise.files import read_record
from tunewise.planning.budget import compared
from tunewise.planning.estimate import Between, Estimate, Plan, Total
from tunewise.planning.limits import exceeded, where_kept
from tunewise.progress import Silent
from tunewise.task.settings import BudgetSettings

PROBE = "  - majority\n  - probe: {model: ./reader}\n"


class Told(Silent):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("budget")
    models(found)
    return found


def total(low: float, high: float, usd: float | None = None) -> Total:
    paid = None if usd is None else Between(usd / 2, usd)
    return Total("a40", True, Between(low, high), paid, 1.0, "estimate")


def test_a_plan_says_where_a_budget_is_kept() -> None:
    totals = [total(60, 120, 0.02), replace(total(60, 5000, 9.0), machine="t4")]
    hours, cheap = BudgetSettings(hours=1), BudgetSettings(usd=0.0001)
    assert where_kept(totals, hours) == "the budget (1 hours) is kept on a40"
    assert "(0.0001 US dollars) is kept nowhere" in where_kept(totals, cheap)
    many = [replace(total(60, 120), machine=f"card-{number}") for number in range(9)]
    assert where_kept(many, hours).endswith("card-0, card-1, card-2, card-3 and 5 more")


def test_the_upper_end_of_the_range_counts() -> None:
    assert exceeded(total(60, 3500), BudgetSettings(hours=1)) is None
    assert "budget is 1 hours" in (exceeded(total(60, 3700), BudgetSettings(hours=1)) or "")
    assert exceeded(total(60, 61, 4.9), BudgetSettings(usd=5.0)) is None
    assert "US dollars" in (exceeded(total(60, 61, 5.1), BudgetSettings(usd=5.0)) or "")
    assert exceeded(total(60, 61), BudgetSettings(usd=0.01)) is None  # nothing is paid here


def test_a_run_over_budget_is_refused_where_nobody_can_be_asked(folder: Path) -> None:
    task = write_task(folder, PROBE, more="budget: {hours: 0.000001}\n")
    with pytest.raises(BadInput, match=r"budget is 1e-06 hours.*No card.*--yes"):
        pipeline.run(task, Silent())
    assert not (folder / "runs").exists()


def test_a_refusal_names_the_machine_and_consent_goes_on(folder: Path, tmp_path: Path) -> None:
    task = write_task(folder, PROBE, more="budget: {hours: 0.000001}\n")
    asked: list[str] = []

    def consent(question: str) -> bool:
        asked.append(question)
        return True

    told = Told()
    run = pipeline.run(task, told, tmp_path, consent=consent)
    assert len(asked) == 1
    assert "Go on all the same?" in asked[0]
    assert read_record(run.plan, Plan).task == "planned"
    assert any(line.startswith("Foreseen: ") for line in told.said)
    page = run.report.read_text(encoding="utf-8")
    assert "Planned and taken" in page
    pipeline.run(task, told, tmp_path, consent=consent)  # the same again asks nobody
    assert len(asked) == 1


def test_a_run_within_its_budget_asks_nobody(folder: Path, tmp_path: Path) -> None:
    task = write_task(folder, PROBE, more="budget: {hours: 9}\n")
    run = pipeline.run(task, Silent(), tmp_path)
    assert run.verdict.exists()


def test_a_candidate_outside_its_range_is_named() -> None:
    one = Estimate("probe", "probe", "m", "here", True, 1, 2, seconds=Between(10, 20))
    plan = Plan("t", (1, 1, 1), None, "here", (one,), (), None, None)
    assert compared(plan, {"probe": 15.0}) == ["Foreseen: 10 s to 20 s; taken: 15 s."]
    assert "probe took 45 s; 10 s to 20 s were foreseen." in compared(plan, {"probe": 45.0})
    assert compared(plan, {"probe": None}) == []
