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
from tunewise.errors import BadInput, DataError
from tunewise.files import read_record
from tunewise.models.model_folder import ModelFolder
from tunewise.overlap import MEASURES
from tunewise.progress import Silent
from tunewise.records import Example, LearningCurves
from tunewise.task.load import load_task
from tunewise.workspace.folder import RunFolder

TICKETS = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
CONTRACTS = (
    Path(__file__).parents[2] / "examples" / "plain-english-contracts" / "data" / "all_v1.json"
)
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
        answers = self.inner.predict(examples, *rest)
        self.seen.setdefault("answered", []).append(answers)
        return answers


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
        if ": accuracy " in text:
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


@pytest.fixture
def written(tmp_path: Path, smollm2: ModelFolder) -> Path:
    """Return a task of 130 real paragraphs of contracts, and a tiny model that can learn."""
    from tiny_chat_models import tiny_chat_folder

    tiny_chat_folder("llama", tmp_path / "tiny")
    rows = list(json.loads(CONTRACTS.read_text(encoding="utf-8")).values())[:130]
    lines = [
        json.dumps({"input": row["original_text"][:300], "target": row["reference_summary"]})
        for row in rows
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    path = tmp_path / "task.yaml"
    path.write_text(
        "task: t\nkind: generation\ndata: {train: rows.jsonl}\ndecide: {metric: METRIC}\n"
        "candidates:\n- majority\n- prompt: {model: tiny}\n"
        "- lora: {model: tiny, num_train_epochs: 1, bf16: false, max_new_tokens: 8,\n"
        "         allow: [nothing-supervised, truncated-answer]}\n"
    )
    return path


@pytest.mark.parametrize(
    ("metric", "judged_by", "name"),
    [("chrf", "chrf", "chrF"), ("similarity", "rouge_l", "ROUGE-L")],
)
def test_what_is_tuned_to_write_is_judged_by_how_alike_its_texts_are(
    written: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    metric: str,
    judged_by: str,
    name: str,
) -> None:
    written.write_text(written.read_text().replace("METRIC", metric))
    seen: dict[str, list[list[Any]]] = {"fitted": [], "judged": [], "answered": []}
    real = measure.candidate
    monkeypatch.setattr(measure, "candidate", lambda *given: Spy(real(*given), seen))
    monkeypatch.setenv("COLUMNS", "80")
    assert main.status(["curve", str(written), "--draws", "2"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    found = read_record(written.parent / "runs" / "t" / "curve.json", LearningCurves)
    assert (found.metric, found.noise) == (judged_by, None)
    (curve,) = found.curves
    assert curve.kind == "lora"
    assert len({point.size for point in curve.points}) >= 3
    asked = load_task(written)
    targets = {
        r.id: r.target for r in read_dataset(asked.data, written.parent, kind="generation").examples
    }
    for point, answers in zip(curve.points, seen["answered"], strict=True):
        alike = [MEASURES[judged_by](targets[a.id], a.answer) for a in answers]
        assert 1 - point.error == pytest.approx(sum(alike) / len(alike))
    assert f"Rows {name} Fits" in told
    assert "label" not in found.sentence
    page = (written.parent / "runs" / "t" / "curve.html").read_text(encoding="utf-8")
    assert f"{name} with so many labelled rows" in page


def test_a_task_that_tunes_nothing_to_write_has_no_curve_unasked(written: Path) -> None:
    text = written.read_text().replace("METRIC", "rouge_l")
    written.write_text(text[: text.index("- lora")])
    with pytest.raises(BadInput, match="no candidate that is tuned on this machine"):
        pipeline.curve(written, Silent(), ONCE)
    assert not (written.parent / "runs").exists()


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
