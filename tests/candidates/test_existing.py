"""Faults these catch: an existing system's answer mixed up, guessed, or missing without a word."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tunewise.candidates import Setup
from tunewise.candidates.existing import Existing, FittedExisting
from tunewise.errors import DataError, FileMissing, TunewiseError
from tunewise.progress import Log, Silent
from tunewise.records import Example
from tunewise.task.settings import ExistingSettings

ROWS = [
    Example("1", "my card", "", 1, "t.csv", {"rules": "card "}),
    Example("2", "“money” back", "", 2, "t.csv", {"rules": "refund"}),
    Example("3", "line one\nline two", "", 3, "t.csv", {"rules": "unsure"}),
]
ANSWERS = ["card", "refund", "unsure"]
ECHO = """
import json, sys
words = {"1": "card", "2": "refund", "3": "unsure"}
for line in reversed(sys.stdin.read().splitlines()):
    row = json.loads(line)
    assert set(row) == {"id", "input"}, row
    print(json.dumps({"id": row["id"], "prediction": words[row["id"]]}))
"""


def fitted(folder: Path, **settings: object) -> FittedExisting:
    setup = Setup(labels=("card", "refund"), seed=0, task_folder=folder)
    made = Existing(ExistingSettings.model_validate(settings), setup)
    (folder / "candidate").mkdir()
    made.fit([], [], folder / "candidate", Silent())
    return made.load(folder / "candidate")


def script(folder: Path, code: str) -> list[str]:
    (folder / "system.py").write_text(code)
    return [sys.executable, "system.py"]


@pytest.mark.parametrize("source", ["column", "file", "file by id", "command"])
def test_each_row_gets_its_own_answer_and_odd_ones_are_told(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by = "id" if source == "file by id" else "input"
    lines = [
        json.dumps({by: getattr(row, by), "prediction": answer})
        for row, answer in zip(ROWS, ANSWERS, strict=True)
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(reversed(lines)))
    given: dict[str, object] = {
        "column": {"column": "rules"},
        "command": {"command": script(tmp_path, ECHO)},
    }.get(source, {"file": "answers.jsonl"})
    existing = fitted(tmp_path, **given)  # type: ignore[arg-type]
    answers = existing.predict(ROWS, Log(sys.stderr))
    assert [(a.id, a.answer) for a in answers] == [
        (row.id, answer) for row, answer in zip(ROWS, ANSWERS, strict=True)
    ]
    assert "1 of 3 answers of the existing system are none of the labels" in capsys.readouterr().err
    assert existing.timed == (source == "command")


COMMANDS = {
    "fails": ("import sys; sys.exit('no model')", "failed with exit status 1; its last words: no"),
    "leaves out": (ECHO.replace("reversed(", "(")[:-1] + "\n    break\n", "leaves 2 of 3 rows"),
    "twice": (ECHO + "    print(json.dumps({'id': row['id'], 'prediction': 'card'}))\n", "twice"),
    "stranger": ('print(\'{"id": "9", "prediction": "card"}\')', "answers the id '9'"),
    "no JSON": ("print('card')", "line 1 of its output: this line isn't JSON"),
    "no prediction": ('print(\'{"id": "1"}\')', "the line has no 'prediction'"),
    "not UTF-8": ("import sys; sys.stdout.buffer.write(b'\\xff')", "its output isn't UTF-8"),
    "too slow": ("import time; time.sleep(60)", "hasn't answered within 0.3 s"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
}


@pytest.mark.parametrize("fault", COMMANDS)
def test_a_command_that_does_not_answer_is_one_line(fault: str, tmp_path: Path) -> None:
    code, said = COMMANDS[fault]
    timeout = 0.3 if fault == "too slow" else 60.0
    existing = fitted(tmp_path, command=script(tmp_path, code), timeout=timeout)
    with pytest.raises(DataError, match=said) as caught:
        existing.predict(ROWS, Silent())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("input,answer\nmy card,card\n", "no column 'prediction'"),
        ("input,prediction\nmy card,card\nmy card,refund\n", "what an earlier row answers 'card'"),
        ("input,prediction\nmy card,\n", "the row has no 'prediction'"),
        ("input,prediction\nmy card,card\n", "the file has no answer to 2 rows: t.csv:2, t.csv:3"),
    ],
)
def test_a_file_that_does_not_answer_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text(content)
    with pytest.raises(DataError, match=said):
        fitted(tmp_path, file="answers.csv").predict(ROWS, Silent())


def test_a_missing_program_file_or_cell_is_told(tmp_path: Path) -> None:
    def asked(folder: str, **settings: object) -> TunewiseError:
        (tmp_path / folder).mkdir()
        with pytest.raises((DataError, FileMissing)) as caught:
            fitted(tmp_path / folder, **settings).predict(ROWS, Silent())
        assert caught.value.exit_status == 2
        return caught.value

    assert "there is no such program" in str(asked("a", command=["no-such-program-here"]))
    assert "the file isn't there" in str(asked("b", file="gone.csv"))
    assert "missing in column 'other' of 3 rows" in str(asked("c", column="other"))
