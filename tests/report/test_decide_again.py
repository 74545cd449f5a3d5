"""Faults these catch: another verdict than the run had for the same wishes; files touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_run import made_run

from tests.report.conftest import small_plan
from tunewise.cli.main import status
from tunewise.files import plain, read_record
from tunewise.records import Verdict
from tunewise.redecide import redecided
from tunewise.workspace.folder import RunFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("decided") / "run", small_plan())[0]


def test_the_same_wishes_give_the_same_verdict(folder: RunFolder) -> None:
    there = read_record(folder.verdict, Verdict)
    assert plain(redecided(folder.path, {})) == plain(there)


def test_other_limits_give_another_verdict_and_touch_nothing(folder: RunFolder) -> None:
    before = {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}
    found = redecided(folder.path, {"max_latency_ms": 0.001})
    assert "set aside" in " ".join(found.reasons)
    assert found.decision != read_record(folder.verdict, Verdict).decision
    assert {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()} == before


def test_the_command_prints_json_and_words(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["decide", str(folder.path), "--price-per-hour", "1.2", "--requests-per-month", "5000"]
    assert status([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["costs"]
    assert status(asked) == 0
    assert "What they cost at 5,000 requests a month" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "bad",
    [
        ["--requests-per-month", "-4"],
        ["--price-per-hour", "nan"],
        ["--minimum-gain", "7"],
        ["--metric", "rouge_l"],
        ["--metric", "acuracy"],
    ],
)
def test_a_wish_that_cannot_be_is_one_line_and_status_2(
    folder: RunFolder, capsys: pytest.CaptureFixture[str], bad: list[str]
) -> None:
    assert status(["decide", str(folder.path), *bad]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Traceback" not in told


def test_no_run_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["decide", str(tmp_path / "none")]) == 2
    assert "no run" in capsys.readouterr().err
