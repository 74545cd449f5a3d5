"""Faults these catch: work done twice or lost, stale results, two writers, a test set chosen on.

Real rows, the real embedded encoder, the real command line.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tunewise import pipeline
from tunewise.data.store import load_dataset
from tunewise.errors import RunFolderError
from tunewise.files import read_json, read_record, read_records
from tunewise.models.model_folder import ModelFolder
from tunewise.progress import Silent
from tunewise.records import Prediction, Scorecard, Splits, Verdict
from tunewise.workspace.folder import RunFolder, opened
from tunewise.workspace.stages import trusted

TICKETS = Path(__file__).parents[1] / "examples" / "support-tickets" / "data"
LABELS = ("card_arrival", "exchange_rate", "lost_or_stolen_card", "top_up_failed")
CANDIDATES = "[majority, probe: {C: [1, 10]}, encoder: {num_train_epochs: 1}]"


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 160 real tickets of four intents as tickets.csv."""
    by_label = defaultdict(list)
    with (TICKETS / "train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row)
    folder = tmp_path_factory.mktemp("tickets")
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        for label in LABELS:
            writer.writerows(by_label[label][:40])
    return folder


@pytest.fixture
def task(tickets: Path, tmp_path: Path, minilm: ModelFolder) -> Path:
    """Return a task.yaml beside a copy of the tickets; the encoder is in the cache."""
    shutil.copy(tickets / "tickets.csv", tmp_path)
    return write_task(tmp_path, CANDIDATES)


def write_task(folder: Path, candidates: str, more: str = "") -> Path:
    path = folder / "task.yaml"
    path.write_text(
        f"task: tickets\ndata: {{train: tickets.csv}}\ncandidates: {candidates}\n{more}"
    )
    return path


def run(task: Path) -> RunFolder:
    return pipeline.run(task, Silent())


def stamps(folder: RunFolder) -> dict[str, int]:
    """Return when each file of the run was last written; the lock aside."""
    return {
        str(p.relative_to(folder.path)): p.stat().st_mtime_ns
        for p in folder.path.rglob("*")
        if p.is_file() and p.name != "lock"
    }


def answers(folder: RunFolder, name: str) -> list[Prediction]:
    return read_records(folder.candidate(name).predictions("test"), Prediction)


def test_a_run_leaves_what_the_design_names_and_a_second_does_nothing(task: Path) -> None:
    folder = run(task)
    for path in (folder.verdict, folder.report, folder.readme, folder.environment, folder.audit):
        assert path.stat().st_size > 0
    verdict = read_record(folder.verdict, Verdict)
    assert verdict.decision == "tune"
    assert verdict.looks == 1
    splits = read_record(folder.splits, Splits)
    for name in ("majority", "probe-minilm-l6", "encoder-minilm-l6"):
        files = folder.candidate(name)
        assert [p.id for p in answers(folder, name)] == list(splits.test)
        assert read_record(files.scorecard("test"), Scorecard).rows == len(splits.test)
        assert files.settings.exists()
    before = stamps(folder)
    run(task)
    assert stamps(folder) == before


def test_changing_one_candidate_refits_that_one_and_counts_a_look(task: Path) -> None:
    folder = run(task)
    before = stamps(folder)
    write_task(task.parent, CANDIDATES.replace("[1, 10]", "[1]"))
    run(task)
    changed = {name for name, stamp in stamps(folder).items() if before.get(name) != stamp}
    data = ("data/dataset", "data/splits")
    assert not {n for n in changed if "encoder" in n or "majority" in n or n.startswith(data)}
    assert "candidates/probe-minilm-l6/settings.json" in changed
    assert "report.html" in changed
    looks = read_json(folder.looks)
    same = len({look["answers"] for look in looks}) == 1
    assert len(looks) == (1 if same else 2)


def test_a_candidate_taken_out_leaves_nothing_behind(task: Path) -> None:
    folder = run(task)
    write_task(task.parent, "[majority, probe: {C: [1, 10]}]")
    run(task)
    assert not folder.candidate("encoder-minilm-l6").path.exists()
    assert not list(folder.stages.glob("encoder*"))


def test_changed_test_rows_refit_nothing(task: Path) -> None:
    folder = run(task)
    splits = read_record(folder.splits, Splits)
    before = stamps(folder)
    with (task.parent / "tickets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_id = {e.id: e for e in load_dataset(folder).examples}
    gone = by_id[splits.test[0]].input
    with (task.parent / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        writer.writerows(row for row in rows if row["text"] != gone)
    run(task)
    now = stamps(folder)
    for name in ("probe-minilm-l6", "encoder-minilm-l6"):
        for path in (f"candidates/{name}/settings.json", f"stages/{name}.fit.json"):
            assert now[path] == before[path]
        assert len(answers(folder, name)) == len(splits.test) - 1


ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    loud = asked["input"].isupper() or asked["input"].startswith("Hello, ")
    said = "card_arrival" if loud else "exchange_rate"
    print(json.dumps({"id": asked["id"], "prediction": said}))
"""


def test_requests_are_asked_again_in_other_words_and_by_other_seeds(task: Path) -> None:
    home = task.parent
    (home / "echo.py").write_text(ECHO)
    command = f"existing: {{name: rules, command: [{sys.executable}, echo.py]}}"
    asked = "consistency: {rows: 10, seeds: 1}\ndecide: {least_consistency: 0.5}\n"
    folder = run(write_task(home, f"[majority, {command}, probe: {{C: [1]}}]", asked))
    cards = {
        name: read_record(folder.candidate(name).scorecard("test"), Scorecard)
        for name in ("majority", "rules", "probe-minilm-l6")
    }
    assert cards["majority"].consistency == ()
    (rules,) = cards["rules"].consistency  # a greeting turns its answer round, and nothing else
    assert (rules.over, rules.requests, rules.alike.value) == ("rewordings", 10, 0.0)
    words, seeds = cards["probe-minilm-l6"].consistency
    assert (words.over, words.requests) == ("rewordings", 10)
    assert words.alike.value > 0.5
    assert (seeds.over, seeds.requests, seeds.answers) == ("seeds", 10, 20)
    assert seeds.alike.value == 1  # logistic regression knows no chance
    verdict = read_record(folder.verdict, Verdict)
    told = " ".join(verdict.reasons)
    assert (
        "rules is set aside: it gives the same answer to 0% of 10 requests asked in other" in told
    )
    assert "Consistency</h2>" in folder.report.read_text(encoding="utf-8")
    before = stamps(folder)
    run(task)
    assert stamps(folder) == before


def test_a_changed_model_is_noticed(task: Path) -> None:
    folder = run(task)
    weights = next(folder.candidate("encoder-minilm-l6").path.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunFolderError, match="was changed since it was made"):
        trusted(folder, "encoder-minilm-l6.fit")
    run(task)
    trusted(folder, "encoder-minilm-l6.fit")


def started(task: Path) -> subprocess.Popen[str]:
    code = "from tunewise.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", str(task)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )


@pytest.mark.slow
def test_a_run_killed_at_any_moment_carries_on_to_the_same_answers(
    task: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = tmp_path_factory.mktemp("whole")
    shutil.copy(task.parent / "tickets.csv", whole)
    expected = run(write_task(whole, CANDIDATES))
    moments = random.Random(0)
    for _ in range(6):
        running = started(task)
        time.sleep(moments.uniform(2, 9))
        running.send_signal(signal.SIGKILL)
        running.communicate()
    ended = started(task)
    out, err = ended.communicate()
    assert ended.returncode == 0, err
    assert "tune" in out.lower()
    folder = opened(task.parent / "runs" / "tickets")
    assert not list(folder.path.rglob("*.partial"))
    assert not list(folder.stages.glob("*.begun.json"))
    for name in ("majority", "probe-minilm-l6", "encoder-minilm-l6"):
        mine, theirs = answers(folder, name), answers(expected, name)
        assert [p.answer for p in mine] == [p.answer for p in theirs]
    assert read_record(folder.verdict, Verdict).looks == 1


def test_a_run_in_use_is_refused(task: Path) -> None:
    from tunewise.workspace.folder import held

    with held(task.parent / "runs" / "tickets"):
        other = started(task)
        _, err = other.communicate()
    assert other.returncode == 2
    assert "the run folder is in use by process" in err


def test_ctrl_c_stops_with_130_and_carries_on(task: Path) -> None:
    running = started(task)
    assert running.stderr is not None
    running.stderr.readline()  # the first line of progress: it is under way
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert running.returncode == 130
    assert "carry on with: tunewise run" in err
    assert "Traceback" not in err
    run(task)


def test_json_is_for_machines(task: Path) -> None:
    code = "from tunewise.cli.main import main; main()"
    words = ["run", str(write_task(task.parent, "[majority]")), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    result = json.loads(ended.stdout)
    assert result["verdict"]["decision"] == "not enough evidence"
    assert Path(result["report"]).exists()
    assert all(json.loads(line)["event"] for line in ended.stderr.splitlines())


def bad_cases() -> dict[str, tuple[str | bytes, str, str]]:
    """Return data file content, candidates and what the line must say."""
    good = "text,category\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(60))
    return {
        "empty": ("", "[majority]", "empty"),
        "latin-1": (good.encode() + "caf\xe9 au lait,a\n".encode("latin-1"), "[majority]", "UTF-8"),
        "ragged": (good + "x,a,b\n", "[majority]", ":62"),
        "unknown model": (good, "[probe: {model: minilm-l7}]", "Did you mean 'minilm-l6'?"),
        "model without weights": (good, "[probe: {model: ./here}]", "here"),
        "one label": (
            "text,category\n" + "".join(f"r {n},a\n" for n in range(60)),
            "[majority]",
            "label",
        ),
        "big cell": (good + "x" * 10_500_000 + ",a\n", "[majority]", "62"),
        "existing column": (good, "[existing: {column: predcition}]", "predcition"),
    }


@pytest.mark.parametrize("case", bad_cases())
def test_bad_input_is_one_line_and_leaves_nothing(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tunewise.cli.main import status

    content, candidates, words = bad_cases()[case]
    (tmp_path / "tickets.csv").write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    (tmp_path / "here").mkdir()
    task = write_task(tmp_path, candidates)
    assert status(["run", str(task)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    last = told.err.strip().splitlines()[-1]
    assert last.startswith("tunewise: ")
    assert words in last
    assert "Traceback" not in told.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "task.yaml", "tickets.csv"]


def test_a_full_disk_is_one_line_and_the_run_carries_on_with_more_room(task: Path) -> None:
    small = task.parent / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system isn't allowed here")
    try:
        code = "from tunewise.cli.main import main; main()"
        words = [sys.executable, "-c", code, "run", str(task), "--runs", str(small)]
        for size, told in (("20k", "the disk is full"), ("1m", "Make room")):
            subprocess.run(["mount", "-o", f"remount,size={size}", str(small)], check=True)
            full = subprocess.run(words, capture_output=True, text=True, check=False)
            assert full.returncode == 2
            assert told in full.stderr.splitlines()[-1]
            assert "Traceback" not in full.stderr
        subprocess.run(["mount", "-o", "remount,size=800m", str(small)], check=True)
        again = subprocess.run(words, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)
