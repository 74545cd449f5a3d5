"""Faults these catch: a decision lost, an arrow key taken for an answer, a terminal left raw.

Through a real pseudo-terminal of 80 columns.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixes.conftest import terminal
from tunewise.fixes.document import read_document
from tunewise.fixes.keys import plain_keys

REVIEW = ["audit", "--review"]
PATIENCE = 60  # seconds until a terminal that says nothing counts as broken


def until(ours: int, mark: str, so_far: str = "") -> str:
    """Read what the terminal shows until `mark` is in it, or to its end."""
    end = time.monotonic() + PATIENCE
    while mark not in so_far or not mark:
        ready, _, _ = select.select([ours], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"waited for {mark!r}, saw: {so_far}"
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # Linux's way of saying that the other side has closed
            break
        if not chunk:
            break
        so_far += plain(chunk.decode(errors="replace"))
    return so_far


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")


def sitting(folder: Path, *keys: str, columns: int = 80) -> str:
    """Press keys, each once the terminal asks, and return all that was shown."""
    with terminal(REVIEW, folder, columns) as (_, ours):
        seen = ""
        for key in keys:
            seen += until(ours, "? ")
            os.write(ours, key.encode())
        return seen + until(ours, "")


def decisions(folder: Path) -> list[str]:
    document, _ = read_document(folder / "runs" / "tickets" / "fixes.yaml")
    return [fix.decision for finding in document.findings for fix in finding.fixes]


def test_the_worst_is_asked_first_and_each_key_does_what_it_says(data: Path) -> None:
    seen = sitting(data.parent, "a", "r", "s", "a")
    assert decisions(data.parent) == ["accept", "reject", "undecided", "accept"]
    order = [seen.index(word) for word in ("1 of 4  error  spelled", "3 of 4  warning  copies")]
    assert order == sorted(order)
    assert "2 accepted, 1 rejected, 1 undecided of 4 proposed changes." in seen
    assert "Apply: tunewise audit --apply runs/tickets/fixes.yaml" in seen


def test_the_row_its_change_and_its_neighbour_are_shown_masked(data: Path) -> None:
    seen = sitting(data.parent, "s", "s", "s", "q")
    assert "beside it tickets.csv:1 (" in seen
    assert "a copy of tickets.csv:1" in seen
    assert "now   I can’t log in, write to [EMAIL]" in seen
    assert "then  I can't log in, write to [EMAIL]" in seen
    assert "ann@" not in seen
    assert "as 'card_arrival'" in seen
    assert not [line for line in seen.splitlines() if len(line) > 80]


def test_narrow_terminals_work_too(data: Path) -> None:
    seen = sitting(data.parent, "s", "q", columns=50)
    assert not [line for line in seen.splitlines() if len(line) > 50 and "tunewise" not in line]


def test_undo_takes_back_what_was_written(data: Path) -> None:
    sitting(data.parent, "u", "a", "u", "r", "s", "u", "u", "q")
    assert decisions(data.parent) == ["undecided"] * 4


def test_all_that_is_left_of_a_finding_can_be_decided_at_once(data: Path) -> None:
    seen = sitting(data.parent, "A", "n", "R", "y", "u", "A", "y", "q")
    assert "accept all 2 left of this finding? y or n" in seen
    assert decisions(data.parent) == ["accept", "accept", "undecided", "undecided"]


def test_keys_that_mean_nothing_decide_nothing(data: Path) -> None:
    sitting(data.parent, "\x1b[A\x1b[1;5R\x1bOA\x1baz", "é", "\x1b[A" + "q")
    assert decisions(data.parent) == ["undecided"] * 4


def test_quitting_keeps_everything_and_the_same_command_goes_on(data: Path) -> None:
    assert "1 of 4" in sitting(data.parent, "r", "q")
    seen = sitting(data.parent, "a", "\x04")
    assert "1 of 3" in seen
    assert "1 of 4" not in seen
    assert decisions(data.parent) == ["reject", "accept", "undecided", "undecided"]
    seen = sitting(data.parent, "a", "a")
    assert "3 accepted, 1 rejected, 0 undecided" in seen
    assert "0 undecided of 4" in sitting(data.parent), "nothing is left to ask"


def test_a_killed_review_has_lost_nothing(data: Path) -> None:
    with terminal(REVIEW, data.parent) as (process, ours):
        for key in "ar":
            until(ours, "? ")
            os.write(ours, key.encode())
        until(ours, "3 of 4")
        os.kill(process, signal.SIGKILL)
    assert decisions(data.parent) == ["accept", "reject", "undecided", "undecided"]
    assert "1 of 2" in sitting(data.parent, "q")
    assert not list((data.parent / "runs").rglob("*.partial"))


def test_ctrl_c_puts_the_terminal_back_and_says_how_to_go_on(data: Path) -> None:
    import termios

    with terminal(REVIEW, data.parent) as (process, ours):
        before = termios.tcgetattr(ours)
        until(ours, "? ")
        deadline = time.monotonic() + 30
        while termios.tcgetattr(ours) == before:  # keys are read a moment after the question
            assert time.monotonic() < deadline, "the terminal never gave single keys"
            time.sleep(0.01)
        os.kill(process, signal.SIGINT)
        seen = until(ours, "carry on with: tunewise audit --review")
        assert "Traceback" not in seen
        assert termios.tcgetattr(ours) == before


def test_a_second_program_that_writes_the_file_is_noticed(data: Path) -> None:
    with terminal(REVIEW, data.parent) as (_, ours):
        until(ours, "? ")
        path = data.parent / "runs" / "tickets" / "fixes.yaml"
        text = path.read_text(encoding="utf-8").replace("decision: undecided", "decision: reject")
        path.write_text(text, encoding="utf-8")
        os.write(ours, b"a")
        seen = until(ours, "Start the review again")
    assert "Traceback" not in seen
    assert path.read_text(encoding="utf-8") == text


def test_two_reviews_at_once_are_refused(data: Path) -> None:
    with terminal(REVIEW, data.parent) as (_, ours):
        until(ours, "? ")
        assert "the run folder is in use by process" in sitting(data.parent)


def test_without_a_terminal_one_line_says_what_to_do(data: Path) -> None:
    code = "from tunewise.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, *REVIEW],
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "--review asks key by key and needs a terminal" in ended.stderr
    assert not (data.parent / "runs").exists()


@given(st.lists(st.text(st.sampled_from("ab\x1b[O1;A~"), max_size=6), max_size=6))
def test_how_keys_are_cut_into_chunks_does_not_matter(chunks: list[str]) -> None:
    assert list(plain_keys(chunks)) == list(plain_keys(["".join(chunks)]))


def test_sequences_are_passed_over_whole() -> None:
    assert list(plain_keys(["a\x1b[1;5Ab\x1bOAc\x1bxd\x1b[", "200~e", "\x04f"])) == list("abcde")
    with pytest.raises(StopIteration):
        next(plain_keys([]))
