"""A task of kind generation carried to its verdict: written answers, their report, their use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_language_models import reversing, tiny_folder

from tunewise import api
from tunewise.cli.main import status
from tunewise.files import read_record
from tunewise.records import Scorecard, Verdict
from tunewise.workspace.folder import RunFolder

TASK = """
task: letters
kind: generation
instruction: Write the first letter three times.
data: {train: rows.jsonl}
candidates:
  - majority
  - prompt: {model: tiny, shots: [0]}
  - lora: {model: tiny, num_train_epochs: 12, learning_rate: 0.01, bf16: false, train_batch_size: 8}
"""


@dataclass(frozen=True)
class Done:
    """A finished run and the folder it was made in."""

    home: Path
    folder: RunFolder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    home = tmp_path_factory.mktemp("letters")
    tiny_folder("llama", home / "tiny")
    rows = [{"input": row.input, "target": row.target} for row in reversing(200)]
    (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "task.yaml").write_text(TASK)
    return Done(home, RunFolder(api.run(home / "task.yaml", quiet=True).folder))


def test_the_tuned_model_beats_its_own_prompt(done: Done) -> None:
    verdict = read_record(done.folder.verdict, Verdict)
    assert (verdict.decision, verdict.winner, verdict.metric) == ("tune", "lora-tiny", "rouge_l")
    assert "ROUGE-L" in verdict.sentence
    card = read_record(done.folder.candidate("lora-tiny").scorecard("test"), Scorecard)
    assert card.metrics["exact_match"].value > 0.6
    assert card.tokens_per_request
    assert card.latency_p50


def test_the_report_speaks_of_no_labels(done: Done) -> None:
    page = done.folder.report.read_text()
    for words in ("Confused labels", "Figures by label", "Training rows of each label"):
        assert words not in page
    for words in ("ROUGE-L", "Written differently", "lora-tiny", "Loss of lora-tiny by epoch"):
        assert words in page
    card = done.folder.readme.read_text()
    assert "pipeline_tag: text-generation" in card
    assert "Writes an answer to a text" in card


def test_the_winner_answers_new_rows(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    new = done.home / "new.jsonl"
    new.write_text('{"input": "abcdab"}\n{"input": "dcbadc"}\n')
    assert status(["predict", str(done.folder.path), str(new)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["answer"] for line in lines] == ["aaa", "ddd"]
    assert api.load(done.folder.path).predict(["abcdab"]) == ["aaa"]


def test_what_the_tuned_model_is_trained_on_can_be_shown(
    done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    task = str(done.home / "task.yaml")
    assert status(["show", task, "1", "--candidate", "lora-tiny"]) == 0
    told = capsys.readouterr().out
    assert "<|end|>" in told


def test_a_second_run_does_nothing_anew(done: Done) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.folder.path.rglob("*.json")}
    api.run(done.home / "task.yaml", quiet=True)
    after = {p: p.stat().st_mtime_ns for p in done.folder.path.rglob("*.json")}
    assert {p for p in before if before[p] != after[p]} <= {done.folder.looks}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("decide: {metric: accuracy}", "doesn't fit kind 'generation'"),
        ("candidates: [probe]", "probe chooses among labels"),
    ],
)
def test_what_a_written_answer_cannot_have_is_refused(
    change: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = change.partition(":")[0]
    text = TASK.partition("candidates:")[0] if key == "candidates" else TASK
    (tmp_path / "task.yaml").write_text(text + change + "\n")
    assert status(["run", str(tmp_path / "task.yaml")]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
