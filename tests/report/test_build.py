from __future__ import annotations

from pathlib import Path

import pytest
from made_run import HOSTILE, HOSTILE_LABELS, Plan, made_run

from tests.report.conftest import small_plan
from tunewise.errors import FileMissing
from tunewise.report.build import write_report
from tunewise.report.card import model_card
from tunewise.report.gather import gathered
from tunewise.report.page import page


def test_both_files_are_written_from_what_the_folder_holds(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    write_report(folder)
    evidence = gathered(folder, dataset)
    assert folder.report.read_text(encoding="utf-8") == page(evidence)
    assert folder.readme.read_text(encoding="utf-8") == model_card(evidence)


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    folder, _ = made_run(tmp_path / "run", small_plan())
    write_report(folder)
    before = folder.report.read_bytes(), folder.readme.read_bytes()
    write_report(folder)
    assert (folder.report.read_bytes(), folder.readme.read_bytes()) == before


def test_hostile_rows_survive_the_way_through_the_folder(tmp_path: Path) -> None:
    hostile = tuple(text for text in HOSTILE if "\ud800" not in text)
    sizes = {"train": 60, "validation": 30, "test": 60}
    plan = Plan(labels=(*HOSTILE_LABELS, "plain"), sizes=sizes, part=20, hostile=hostile)
    folder, _ = made_run(tmp_path / "run", plan)
    write_report(folder)
    assert folder.report.read_text(encoding="utf-8").count("<script") == 1


def test_nothing_is_written_of_an_unfinished_run(tmp_path: Path) -> None:
    folder, _ = made_run(tmp_path / "run", small_plan())
    folder.candidate("existing").scorecard("test").unlink()
    with pytest.raises(FileMissing):
        write_report(folder)
    assert not folder.report.exists()
    assert not folder.readme.exists()
