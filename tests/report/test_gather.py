from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_run import made_run

from tests.report.conftest import small_plan
from tunewise.errors import FileMissing, RunFolderError
from tunewise.files import read_record, read_records, write_json, write_jsonl
from tunewise.records import Prediction, Splits, Verdict
from tunewise.report.gather import Evidence, gathered


def test_candidates_are_ranked_and_lettered_and_have_their_roles(evidence: Evidence) -> None:
    assert [(one.key, one.name, one.role) for one in evidence.judged] == [
        ("A", "encoder-minilm-l6", "winner"),
        ("B", "probe-minilm-l6", "other"),
        ("C", "existing", "finalist"),
        ("D", "prompt-smollm2-135m-instruct", "finalist"),
        ("E", "majority", "other"),
    ]


def test_fingerprint_follows_rows_labels_and_sides(evidence: Evidence) -> None:
    splits = evidence.splits
    moved = replace(splits, train=splits.train[1:], test=(*splits.test, splits.train[0]))
    assert replace(evidence, splits=moved).data_fingerprint != evidence.data_fingerprint


def test_time_of_the_report_itself_is_left_out(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    before = gathered(folder, dataset).stage_seconds
    (folder.stages / "report.json").write_text((folder.stages / "data.json").read_text())
    (folder.stages / "x.begun.json").write_text("{}")
    assert gathered(folder, dataset).stage_seconds == before == {
        "data": 2.1,
        "encoder-minilm-l6.fit": 141.0,
        "verdict": 3.2,
    }  # fmt: skip


def test_unfinished_run_is_refused(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    folder.verdict.unlink()
    with pytest.raises(FileMissing, match=r"verdict\.json"):
        gathered(folder, dataset)


def test_verdict_on_a_candidate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    verdict = read_record(folder.verdict, Verdict)
    write_json(folder.verdict, replace(verdict, winner="stranger"))
    with pytest.raises(RunFolderError, match="stranger"):
        gathered(folder, dataset)


def test_answers_to_rows_that_are_not_test_rows_are_refused(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    path = folder.candidate("existing").predictions("test")
    answers = read_records(path, Prediction)
    train = read_record(folder.splits, Splits).train
    write_jsonl(path, [*answers, replace(answers[0], id=train[0])])
    with pytest.raises(RunFolderError, match="which is no test row"):
        gathered(folder, dataset)


def test_split_with_a_row_that_is_not_in_the_data_is_refused(tmp_path: Path) -> None:
    folder, dataset = made_run(tmp_path / "run", small_plan())
    with pytest.raises(RunFolderError, match="not in the data"):
        gathered(folder, replace(dataset, examples=dataset.examples[1:]))
