"""Faults these catch: chance told as progress, progress as chance, changes that go unsaid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_run import Plan, made_run

from tests.report.conftest import small_plan
from tunewise.cli.main import status
from tunewise.files import read_records, write_jsonl
from tunewise.records import Prediction
from tunewise.run_changes import run_changes


def made(path: Path, plan: Plan) -> Path:
    return made_run(path, plan)[0].path


def test_a_run_against_itself_shows_no_change(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", small_plan())
    found = run_changes(folder, folder)
    assert found.data == ("The same rows, on the same sides.",)
    assert found.settings == {}
    assert all("the same on the" in line for line in found.results)


def test_a_real_step_is_told_from_a_small_one(tmp_path: Path) -> None:
    plan = replace(small_plan(), right=dict.fromkeys(Plan().right, 0.5))
    before, after = made(tmp_path / "a" / "run", plan), made_run(tmp_path / "b" / "run", plan)[0]
    path = after.candidate("encoder-minilm-l6").predictions("test")
    kept = read_records(path, Prediction)
    targets = {row.id: row.target for row in made_run(tmp_path / "c" / "run", plan)[1].examples}
    write_jsonl(path, [replace(p, answer=targets[p.id]) for p in kept])
    other = after.candidate("probe-minilm-l6").predictions("test")
    kept = read_records(other, Prediction)
    wrong = next(n for n, p in enumerate(kept) if p.answer != targets[p.id])
    kept[wrong] = replace(kept[wrong], answer=targets[kept[wrong].id])
    write_jsonl(other, kept)
    told = {line.partition(":")[0]: line for line in run_changes(before, after.path).results}
    assert "a real difference" in told["encoder-minilm-l6"]
    assert "which may be chance" in told["probe-minilm-l6"]


def test_changed_settings_rows_and_candidates_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = small_plan()
    other = replace(
        plan,
        task=plan.task.replace("seed: 7", "seed: 8").replace("  - encoder\n", ""),
        right={k: v for k, v in plan.right.items() if not k.startswith("encoder")},
        sizes=plan.sizes | {"test": 70},
    )
    before, after = made(tmp_path / "a" / "run", plan), made(tmp_path / "b" / "run", other)
    found = run_changes(before, after)
    assert found.settings["seed"] == (7, 8)
    assert any(line.startswith("test: 60 rows before, 70 now") for line in found.data)
    assert "encoder-minilm-l6: not in the second run." in found.results
    assert status(["compare", str(before), str(after)]) == 0
    assert "seed: 7 before, 8 now" in capsys.readouterr().out
    assert status(["compare", str(before), str(tmp_path / "none")]) == 2


def test_report_is_written_as_markdown_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "run", small_plan())
    assert status(["report", str(folder)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("# support-tickets")
    assert "## Slices" in told
    out = tmp_path / "report.json"
    assert status(["report", str(folder), "--to", "json", "--out", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["verdict"]["decision"]
    assert set(found["test"]) == set(found["validation"])
    assert all({"id", "target", "answer"} <= set(one) for one in found["mistakes"])
