"""Faults these catch: code fetched, another commit read than was pinned, offline mode ignored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.data.conftest import TICKETS, csv_of
from tests.data.hub_server import COMMIT, Hub, serving

READ = """
import json, sys
from pathlib import Path
from tunewise.data.read import read_dataset
from tunewise.data.sources import input_hashes
from tunewise.errors import TunewiseError
from tunewise.progress import Silent
from tunewise.task.settings import DataSettings
settings = DataSettings.model_validate(json.loads(sys.argv[1]))
try:
    found = read_dataset(settings, Path.cwd())
    hashes = input_hashes(settings, Path.cwd(), Silent())
except TunewiseError as error:
    told = {"error": str(error), "kind": type(error).__name__, "exit": error.exit_status}
    print(json.dumps(told))
else:
    print(json.dumps({
        "rows": [[e.input, e.target, e.source, e.row, e.given_split] for e in found.examples],
        "choices": {choice.role: [choice.column, choice.reason] for choice in found.columns},
        "hashes": hashes,
    }))
"""
TRAIN, TEST = csv_of().encode(), csv_of(TICKETS[:6]).encode()
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens


@dataclass
class Reader:
    """Reads in a process of its own, as the Hub's library takes its settings when imported."""

    folder: Path

    def __call__(self, train: str, url: str = NOWHERE, offline: bool = False, **settings: str):
        given = json.dumps({"train": train, **settings})
        ended = self.run("-c", READ, given, url=url, offline=offline)
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    def run(self, *words: str, url: str = NOWHERE, offline: bool = False):
        """Run Python with these words."""
        environment = os.environ | {
            "HF_ENDPOINT": url,
            "HF_HOME": str(self.folder / "hf"),
            "TUNEWISE_CACHE": str(self.folder / "cache"),
            "HF_HUB_OFFLINE": "1" if offline else "0",
            "no_proxy": "127.0.0.1",
        }
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, *words],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Return what reads with caches of the test's own."""
    return Reader(tmp_path)


def laid(folder: Path, files: dict[str, bytes], commit: str = COMMIT) -> None:
    """Lay files into the Hub's cache as its library does."""
    home = folder / "hf" / "hub" / "datasets--acme--tickets"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    for name, data in files.items():
        path = home / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_rows_are_fetched_once_pinned_and_read_again_without_the_hub(read: Reader) -> None:
    files = {"train.csv": TRAIN, "test.csv": TEST, "tickets.py": b"evil()", "README.md": b"x"}
    with serving(Hub("acme/tickets", files, {"license": "cc-by-4.0"})) as hub:
        first = read("acme/tickets", hub.url, test="acme/tickets:test")
    assert [row[:2] for row in first["rows"]] == [list(t) for t in (*TICKETS, *TICKETS[:6])]
    assert {(row[2], row[4]) for row in first["rows"]} == {
        ("acme/tickets", "train"),
        ("acme/tickets:test", "test"),
    }
    name, reason = first["choices"]["train"]
    assert (name, COMMIT[:12] in reason, "cc-by-4.0" in reason) == ("acme/tickets", True, True)
    assert hub.given() == {"train.csv", "test.csv"}
    again = read("acme/tickets", test="acme/tickets:test")
    assert again == first
    assert read("acme/tickets", offline=True, test="acme/tickets:test") == first


def test_a_pinned_commit_stays_when_the_hub_moves_on(read: Reader) -> None:
    with serving(Hub("acme/tickets", {"train.csv": TRAIN, "test.csv": TEST})) as hub:
        first = read("acme/tickets", hub.url)
    newer = csv_of([("all is new", "x"), ("and else", "y")] * 9).encode()
    with serving(Hub("acme/tickets", {"train.csv": newer}, commit="b2" * 20)) as hub:
        assert read("acme/tickets", hub.url) == first
        assert hub.asked == []


def test_a_split_that_was_not_fetched_comes_from_the_pinned_commit(read: Reader) -> None:
    files = {"train.csv": TRAIN, "test.csv": TEST}
    with serving(Hub("acme/tickets", files)) as hub:
        read("acme/tickets", hub.url)
        assert hub.given() == {"train.csv"}
        read("acme/tickets", hub.url, test="acme/tickets:test")
        assert hub.given() == {"train.csv", "test.csv"}


def test_a_revision_is_asked_for(read: Reader) -> None:
    with serving(Hub("acme/tickets", {"train.csv": TRAIN}, revisions=("refs/pr/1",))) as hub:
        assert len(read("acme/tickets@refs/pr/1:train", hub.url)["rows"]) == len(TICKETS)
        assert any("revision/refs%2Fpr%2F1" in path for path in hub.asked)
        wrong = read("acme/tickets@v9", hub.url)
    assert (wrong["kind"], wrong["exit"]) == ("DataError", 2)
    assert "has no revision 'v9'" in wrong["error"]


def test_shards_are_read_in_order_and_rows_named_by_their_file(read: Reader) -> None:
    shards = {
        f"data/train-{n:05}-of-00003.csv": csv_of(TICKETS[6 * n : 6 * n + 6]).encode()
        for n in range(3)
    }
    with serving(Hub("acme/tickets", shards)) as hub:
        rows = read("acme/tickets", hub.url)["rows"]
    assert [row[:2] for row in rows] == [list(ticket) for ticket in TICKETS]
    assert rows[6][2:4] == ["acme/tickets/data/train-00001-of-00003.csv", 1]


def test_the_card_says_which_files_are_which_split(read: Reader) -> None:
    configs = [
        {"config_name": "en", "data_files": [{"split": "train", "path": "all/*.csv"}]},
        {"config_name": "de", "data_files": "german.csv", "default": True},
    ]
    files = {"all/a.csv": TRAIN, "all/b.csv": TRAIN, "german.csv": TEST * 1}
    with serving(Hub("acme/tickets", files, {"configs": configs})) as hub:
        assert len(read("acme/tickets:en/train", hub.url)["rows"]) == 2 * len(TICKETS)
        assert len(read("acme/tickets", hub.url)["rows"]) == 6
        assert "Did you mean 'en'?" in read("acme/tickets:enn/train", hub.url)["error"]


@pytest.mark.parametrize(
    ("files", "train", "what"),
    [
        ({"tickets.py": b"evil()"}, "acme/tickets", "(only tickets.py, a script, which could"),
        ({"README.md": b"x"}, "acme/tickets", "no data files that are read"),
        ({"train.csv": TRAIN}, "acme/tickets:trian", "Did you mean 'train'?"),
        ({"train.csv": TRAIN}, "acme/ticktes", "there is no data set 'acme/ticktes' on the Hub"),
        ({"a.csv": TRAIN}, "acme/tickets:dev", "has no split 'dev'"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    read: Reader, files: dict[str, bytes], train: str, what: str
) -> None:
    with serving(Hub("acme/tickets", files)) as hub:
        told = read(train, hub.url)
    assert (told["kind"], told["exit"]) == ("DataError", 2)
    assert what in told["error"]
    assert "\n" not in told["error"]


def test_an_unreachable_hub_is_one_line_and_exit_status_2(read: Reader) -> None:
    task = read.folder / "work" / "task.yaml"
    task.parent.mkdir()
    task.write_text("task: x\ndata: {train: acme/tickets}\n")
    ended = read.run("-c", "from tunewise.cli.main import main; main()", "run")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"the Hub at {NOWHERE} gives no answer for 'acme/tickets'" in ended.stderr
    assert [path.name for path in task.parent.iterdir()] == ["task.yaml"]


def test_offline_mode_never_asks_and_says_how_to_go_on(read: Reader) -> None:
    with serving(Hub("acme/tickets", {"train.csv": TRAIN})) as hub:
        told = read("acme/tickets", hub.url, offline=True)
        assert hub.asked == []
    assert (told["kind"], told["exit"]) == ("Unreachable", 2)
    assert "isn't on this machine, and HF_HUB_OFFLINE is set" in told["error"]


def test_offline_mode_reads_what_other_tools_fetched(read: Reader) -> None:
    laid(read.folder, {"train.csv": TRAIN, "test.csv": TEST})
    found = read("acme/tickets", offline=True)
    assert len(found["rows"]) == len(TICKETS)
    assert COMMIT[:12] in found["choices"]["train"][1]


def test_offline_mode_does_not_take_some_shards_for_all(read: Reader) -> None:
    laid(read.folder, {f"data/train-{n:05}-of-00003.csv": TRAIN for n in (0, 2)})
    assert read("acme/tickets", offline=True)["kind"] == "Unreachable"


@pytest.mark.parametrize("name", ["data/trian.csv", "rows/tickets", "./acme/tickets", "a/b.xlsx"])
def test_what_looks_like_a_path_is_never_asked_of_the_hub(read: Reader, name: str) -> None:
    (read.folder / "work" / "rows").mkdir(parents=True)
    with serving(Hub("acme/tickets", {"train.csv": TRAIN})) as hub:
        told = read(name, hub.url)
        assert hub.asked == []
    assert told["kind"] == "FileMissing"


def test_init_writes_a_task_for_a_data_set_and_its_other_splits(read: Reader) -> None:
    with serving(Hub("acme/tickets", {"train.csv": TRAIN, "dev.csv": TEST})) as hub:
        ended = read.run(
            "-c", "from tunewise.cli.main import main; main()", "init", "acme/tickets", url=hub.url
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    text = (read.folder / "work" / "task.yaml").read_text()
    assert "task: tickets\n" in text
    assert "train: acme/tickets  " in text
    assert "validation: " in text
    assert "acme/tickets:validation" in text
    assert f"commit {COMMIT[:12]}" in ended.stdout
