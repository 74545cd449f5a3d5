"""Faults these catch: test rows fitted or scored, points measured twice or lost, a run disturbed.

Real rows, the real embedded encoder, the real pipeline.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunewise import pipeline
from tunewise.cli import main
from tunewise.curve import measure
from tunewise.curve.asked import Asked
from tunewise.data.read import read_dataset
from tunewise.data.split import split
from tunewise.errors import DataError, TaskFileError
from tunewise.files import read_record
from tunewise.models.model_folder import ModelFolder
from tunewise.progress import Silent
from tunewise.records import Example, LearningCurves
from tunewise.task.load import load_task
from tunewise.workspace.folder import RunFolder

TICKETS = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
LABELS = ("card_arrival", "exchange_rate", "lost_or_stolen_card", "top_up_failed")
ONCE = Asked(draws=1)


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 160 real tickets of four intents as tickets.csv."""
    by_label = defaultdict(list)
    with TICKETS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row)
    path = tmp_path_factory.mktemp("tickets") / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        for label in LABELS:
            writer.writerows(by_label[label][:40])
    return path


@pytest.fixture
def task(tickets: Path, tmp_path: Path, minilm: ModelFolder) -> Path:
    """Return a task.yaml beside a copy of the tickets; the encoder is in the cache."""
    shutil.copy(tickets, tmp_path)
    path = tmp_path / "task.yaml"
    path.write_text(
        "task: tickets\ndata: {train: tickets.csv}\ncandidates: [majority, probe: {C: [10]}]\n"
    )
    return path


def stamps(folder: RunFolder) -> dict[str, int]:
    """Return when each file was last written; the lock aside."""
    return {
        str(p.relative_to(folder.path)): p.stat().st_mtime_ns
        for p in folder.path.rglob("*")
        if p.is_file() and p.name != "lock"
    }


def sides_of(task: Path) -> tuple[set[str], set[str]]:
    """Return ids of the rows to learn from and choose on, and of the test rows."""
    asked = load_task(task)
    splits = split(read_dataset(asked.data, task.parent), asked.data, asked.seed)
    return {*splits.train, *splits.validation}, set(splits.test)


class Spy:
    """Hands on to the real candidate, and remembers which rows it was shown."""

    def __init__(self, inner: Any, seen: dict[str, list[list[Example]]]) -> None:
        self.inner, self.seen = inner, seen

    def fit(self, train: Sequence[Example], validation: Sequence[Example], *rest: Any) -> Any:
        self.seen["fitted"].append([*train, *validation])
        return Spy(self.inner.fit(train, validation, *rest), self.seen)

    def predict(self, examples: Sequence[Example], *rest: Any) -> Any:
        self.seen["judged"].append(list(examples))
        return self.inner.predict(examples, *rest)


def test_no_test_row_is_fitted_or_scored(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[list[Example]]] = {"fitted": [], "judged": []}
    real = measure.candidate
    monkeypatch.setattr(measure, "candidate", lambda *given: Spy(real(*given), seen))
    embedded: list[str] = []
    from tunewise.engines.embeddings import Embedder

    plain = Embedder.tokens
    monkeypatch.setattr(
        Embedder, "tokens", lambda self, texts: embedded.extend(texts) or plain(self, texts)
    )
    folder = pipeline.curve(task, Silent(), Asked(draws=2))
    learning, test = sides_of(task)
    assert len(test) > 20
    for fitted, judged in zip(seen["fitted"], seen["judged"], strict=True):
        ids, judges = {row.id for row in fitted}, {row.id for row in judged}
        assert ids | judges <= learning
        assert not ids & judges
        assert all(row.target == "" for row in judged)
    asked = load_task(task)
    texts = {r.input: r.id for r in read_dataset(asked.data, task.parent).examples}
    assert not {texts[text] for text in embedded if text in texts} & test
    assert not folder.looks.exists()
    found = read_record(folder.curve, LearningCurves)
    assert len(seen["fitted"]) == len(found.curves[0].points) == 8
    assert found.rows == len(learning)
    for point, judged in zip(found.curves[0].points, seen["judged"], strict=True):
        assert point.judged == len(judged)


def test_what_was_measured_is_not_measured_again(task: Path) -> None:
    folder = pipeline.curve(task, Silent(), ONCE)
    before = stamps(folder)
    assert {"curve.json", "curve.html", "curve/noise.json", "task.yaml"} <= before.keys()
    assert not list((folder.path / "curve").glob("fits*")), "the fitted models are gone"
    pipeline.curve(task, Silent(), ONCE)
    assert stamps(folder) == before
    pipeline.curve(task, Silent(), Asked(draws=2))
    after = stamps(folder)
    kept = [name for name in before if name.startswith("curve/points")]
    assert kept
    pool_of_one = {name: before[name] for name in kept if after[name] == before[name]}
    assert pool_of_one, "draws that were measured stay"


class Interrupting(Silent):
    """Stops the work, as Ctrl-C would, once so many points have been told of."""

    def __init__(self, after: int) -> None:
        self.left = after

    def line(self, text: str) -> None:
        if "% right" in text:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_a_curve_that_was_cut_off_carries_on(task: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.curve(task, Interrupting(after=2), ONCE)
    folder = RunFolder(task.parent / "runs" / "tickets")
    assert not folder.curve.exists()
    before = {n: s for n, s in stamps(folder).items() if n.startswith("curve/points")}
    assert len(before) == 2
    pipeline.curve(task, Silent(), ONCE)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    assert len([n for n in after if n.startswith("curve/points")]) == 4


def test_a_changed_row_is_measured_anew(task: Path) -> None:
    folder = pipeline.curve(task, Silent(), ONCE)
    before = stamps(folder)
    with (task.parent / "tickets.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"when will my new card number {n} arrive,card_arrival\n" for n in range(9))
    pipeline.curve(task, Silent(), ONCE)
    after = stamps(folder)
    assert any(after[n] != before[n] for n in before if n.startswith("curve/points"))
    assert after["curve.json"] != before["curve.json"]


def test_a_finished_run_keeps_all_but_its_report_which_shows_the_curve(task: Path) -> None:
    folder = pipeline.run(task, Silent())
    before = stamps(folder)
    assert 'id="curve"' not in folder.report.read_text(encoding="utf-8")
    pipeline.curve(task, Silent(), ONCE)
    after = stamps(folder)
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= {"report.html", "README.md", "stages/report.json"}
    html = folder.report.read_text(encoding="utf-8")
    assert 'id="curve"' in html
    sentence = read_record(folder.curve, LearningCurves).sentence
    assert sentence.split(";")[0] in html
    pipeline.run(task, Silent())
    assert stamps(folder) == after


def test_a_start_that_fails_leaves_nothing(task: Path) -> None:
    rows = (task.parent / "tickets.csv").read_text().splitlines()
    (task.parent / "tickets.csv").write_text("\n".join([rows[0], *rows[1:81:4]]) + "\n")
    with pytest.raises(DataError, match="too few rows for a learning curve"):
        pipeline.curve(task, Silent(), ONCE)
    assert not (task.parent / "runs").exists()


def test_a_generation_task_has_no_curve(task: Path) -> None:
    task.write_text("task: tickets\nkind: generation\ndata: {train: tickets.csv}\n")
    with pytest.raises(TaskFileError, match="needs labels"):
        pipeline.curve(task, Silent(), ONCE)
    assert not (task.parent / "runs").exists()


def test_the_command_prints_a_sentence_a_plot_and_a_table_in_80_columns(
    task: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main.status(["curve", str(task), "--draws", "1"]) == 0
    told = capsys.readouterr()
    assert max(map(len, told.out.splitlines())) <= 80 or "Plot: /" in told.out
    assert "more examples" in told.out
    assert "┤" in told.out
    assert "test rows were not touched" in " ".join(told.out.split())
    assert main.status(["curve", str(task), "--draws", "1", "--json", "--more", "500"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["curves"]["more"] == 500
    assert found["curves"]["curves"][0]["candidate"] == "probe-minilm-l6"


def test_a_name_that_is_wrong_is_told_before_anything_is_done(
    task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.status(["curve", str(task), "--candidate", "probe-minilm"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Did you mean 'probe-minilm-l6'?" in told
    assert not (task.parent / "runs").exists()
