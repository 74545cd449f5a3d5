"""A realistic run and a small one, made once; read as the report reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_run import Plan, made_run

from tunewise.records import Dataset
from tunewise.report.gather import Evidence, gathered
from tunewise.workspace.folder import RunFolder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Dataset]:
    """77 labels, five candidates, 3,080 test rows, the prompt judged on 400 of them."""
    return made_run(tmp_path_factory.mktemp("run") / "support-tickets")


@pytest.fixture(scope="session")
def evidence(run: tuple[RunFolder, Dataset]) -> Evidence:
    """What the realistic run holds."""
    return gathered(*run)


@pytest.fixture
def small(tmp_path: Path) -> Evidence:
    """Three labels and few rows."""
    return evidence_of(tmp_path, small_plan())


def small_plan() -> Plan:
    """Return a plan of three labels and few rows."""
    sizes = {"train": 40, "validation": 20, "test": 60}
    return Plan(labels=("card_declined", "card_pending", "pin_limits"), sizes=sizes, part=25)


def hopeless_plan() -> Plan:
    """Return a plan in which nothing beats the most frequent label."""
    right = dict.fromkeys(Plan().right, 0.2) | {"majority": 0.0}
    return replace(small_plan(), right=right)


def evidence_of(path: Path, plan: Plan) -> Evidence:
    """Return what a run made by this plan holds."""
    return gathered(*made_run(path / "run", plan))
