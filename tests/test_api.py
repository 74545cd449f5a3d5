"""Faults these catch: a Python API that says something else than the run folder does."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import tunewise
from tunewise.errors import BadInput, RunFolderError
from tunewise.models.model_folder import ModelFolder

TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
LABELS = ("card_arrival", "exchange_rate", "top_up_failed")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, minilm: ModelFolder) -> tunewise.Run:
    by_label = defaultdict(list)
    with (TICKETS / "train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row)
    folder = tmp_path_factory.mktemp("api")
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        for label in LABELS:
            writer.writerows(by_label[label][:40])
    (folder / "task.yaml").write_text(
        "task: api\ndata: {train: tickets.csv}\ncandidates: [majority, probe: {C: [10]}]\n"
    )
    return tunewise.run(folder / "task.yaml", quiet=True)


def test_a_run_has_verdict_scorecards_and_candidates(finished: tunewise.Run) -> None:
    assert finished.candidates == ("majority", "probe-minilm-l6")
    assert finished.verdict.winner == "probe-minilm-l6"
    frame = finished.scorecards
    assert list(frame.index) == ["probe-minilm-l6", "majority"]
    assert frame.loc["probe-minilm-l6", "accuracy"] > 0.9
    assert (frame["accuracy_low"] <= frame["accuracy"]).all()
    assert finished.report.exists()


def test_a_notebook_shows_the_sentence_and_the_table(finished: tunewise.Run) -> None:
    shown = finished._repr_html_()
    assert "<table" in shown
    assert "probe-minilm-l6" in shown


def test_the_winner_answers_new_texts(finished: tunewise.Run) -> None:
    predictor = tunewise.load(finished.folder)
    assert predictor.predict(["My card has not arrived yet", "the top up failed again"]) == [
        "card_arrival",
        "top_up_failed",
    ]
    assert predictor.predict([]) == []
    with pytest.raises(BadInput, match="takes a list"):
        predictor.predict("one text")


def test_no_such_candidate_is_told(finished: tunewise.Run) -> None:
    with pytest.raises(RunFolderError, match="Did you mean 'majority'"):
        finished.load("majorty")


def test_a_changed_file_is_not_loaded(finished: tunewise.Run) -> None:
    settings = finished.folder / "candidates" / "majority" / "settings.json"
    content = settings.read_text()
    settings.write_text(content.replace("{", "{ ", 1))
    try:
        with pytest.raises(RunFolderError, match="was changed since"):
            finished.load("majority")
    finally:
        settings.write_text(content)


def predicted(*words: str, given: str) -> subprocess.CompletedProcess[str]:
    code = "from tunewise.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "predict", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_predict_reads_lines_objects_and_files(finished: tunewise.Run, tmp_path: Path) -> None:
    run = str(finished.folder)
    lines = predicted(run, given="My card has not arrived yet\nthe top up failed again\n")
    assert lines.returncode == 0, lines.stderr
    found = [json.loads(line) for line in io.StringIO(lines.stdout)]
    assert [f["answer"] for f in found] == ["card_arrival", "top_up_failed"]
    assert all(0 < f["probability"] <= 1 for f in found)
    objects = predicted(run, "-", given='{"text": "My card has not arrived yet"}\n')
    assert json.loads(objects.stdout)["answer"] == "card_arrival"
    path = tmp_path / "new.csv"
    path.write_text("text\nMy card has not arrived yet\n")
    file = predicted(run, str(path), "--probabilities", given="")
    assert set(json.loads(file.stdout)["probabilities"]) == set(LABELS)


def test_predict_tells_bad_input_in_one_line(finished: tunewise.Run, tmp_path: Path) -> None:
    gone = predicted(str(finished.folder), str(tmp_path / "gone.csv"), given="")
    assert gone.returncode == 2
    assert gone.stderr.count("\n") == 1
    nowhere = predicted(str(tmp_path), given="x\n")
    assert nowhere.returncode == 2
    assert "there is no run here" in nowhere.stderr
