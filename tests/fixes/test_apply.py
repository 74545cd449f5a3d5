"""Faults these catch: the user's file touched, a wrong row changed, a rejected fix applied,
something overwritten, personal data in the list of changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from tests.fixes.conftest import COPY, LABELS, LINES, LOGIN, QUOTES, REAL, ROWS, decide, quoted
from tunewise.auditing import Audited
from tunewise.data.read import read_dataset
from tunewise.data.readers import read_table
from tunewise.errors import DataError, FileMissing, FixesFileError
from tunewise.fixes.apply import apply
from tunewise.fixes.words import applied_lines
from tunewise.task.settings import DataSettings

LOGIN_ROW, COPY_ROW = (f"tickets.csv:{LOGIN}", "rewrite"), (f"tickets.csv:{COPY}", "delete")
QUOTES_ROW, LINES_ROW = ((f"tickets.csv:{n}", "relabel") for n in (QUOTES, LINES))


def test_what_is_accepted_is_written_and_nothing_else(data: Path, fixes: Path) -> None:
    before = data.read_bytes()
    decide(fixes, {LOGIN_ROW: "accept", COPY_ROW: "accept", QUOTES_ROW: "reject"})
    applied = apply(fixes)
    assert data.read_bytes() == before
    expected = before.decode().replace("can’t", "can't")
    copy = f"{quoted(REAL[0][0])},{REAL[0][1]}\r\n"
    at = expected.rindex(copy)
    assert (data.parent / "tickets.fixed.csv").read_bytes().decode() == (
        expected[:at] + expected[at + len(copy) :]
    )
    assert applied.decisions == {"accept": 2, "reject": 1, "undecided": 1}
    [file] = applied.files
    assert (file.rows_before, file.rows_after) == (94, 93)
    assert file.rows_by_action == {"rewrite": 1, "delete": 1}
    lines = list(applied_lines(applied))
    assert "93 of 94 rows; 1 deleted, 1 rewritten" in lines[0]
    assert "Applied 2 fixes; 1 rejected, 1 undecided." in lines[2]


def test_the_list_says_what_changed_and_why_without_personal_data(data: Path, fixes: Path) -> None:
    decide(fixes, {LOGIN_ROW: "accept", COPY_ROW: "accept", LINES_ROW: "accept"})
    [file] = apply(fixes).files
    text = file.changes.read_text(encoding="utf-8")
    assert "ann@" not in text
    login, copy, lines = (json.loads(line) for line in text.splitlines())
    assert login["old"] == "I can’t log in, write to [EMAIL]"
    assert login["new"] == "I can't log in, write to [EMAIL]"
    assert (login["row"], login["new_row"], login["part"]) == (LOGIN, LOGIN, "input")
    assert (copy["row"], copy["new_row"], copy["new"]) == (COPY, None, None)
    assert copy["reason"] == "a copy of tickets.csv:1"
    assert copy["checks"] == ["copies"]
    assert (lines["row"], lines["new_row"]) == (LINES, LINES - 1)
    assert (lines["old"], lines["new"], lines["part"]) == ("CARD_ARRIVAL", "card_arrival", "target")


def test_the_run_folder_holds_no_personal_data_in_clear(fixes: Path) -> None:
    for path in fixes.parent.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert "ann@example" not in path.read_text(encoding="utf-8"), path
    document, _ = decide(fixes, {}), None
    [fix] = [f for finding in document.findings for f in finding.fixes if f.action == "rewrite"]
    assert fix.value == "I can't log in, write to [EMAIL]"
    assert fix.hidden


def test_the_new_file_can_be_audited_and_has_no_such_findings(
    data: Path, fixes: Path, audit: Callable[[], Audited]
) -> None:
    accept_all(fixes)
    apply(fixes)
    (data.with_name("task.yaml")).write_text("task: t\ndata: {train: tickets.fixed.csv}\n")
    found = audit()
    assert found.fixes is None
    assert not found.folder.fixes.exists()
    dataset = read_dataset(DataSettings(train="tickets.fixed.csv"), data.parent)
    assert dataset.labels == LABELS


def accept_all(fixes: Path) -> None:
    text = fixes.read_text(encoding="utf-8")
    fixes.write_text(text.replace("  decision: undecided\n  fixes", "  decision: accept\n  fixes"))


def test_nothing_is_overwritten_and_the_same_is_written_once(data: Path, fixes: Path) -> None:
    decide(fixes, {COPY_ROW: "accept"})
    [first] = apply(fixes).files
    [again] = apply(fixes).files
    assert again.new == first.new == data.parent / "tickets.fixed.csv"
    kept = first.new.read_bytes()
    decide(fixes, {LOGIN_ROW: "accept"})
    [second] = apply(fixes).files
    assert second.new.name == "tickets.fixed-2.csv"
    assert second.changes.name == "tickets.fixed-2.changes.jsonl"
    assert first.new.read_bytes() == kept
    names = {p.name for p in data.parent.iterdir()}
    assert not [name for name in names if name.startswith(".")]


def test_another_folder_may_be_named(data: Path, fixes: Path, tmp_path: Path) -> None:
    decide(fixes, {COPY_ROW: "accept"})
    [file] = apply(fixes, tmp_path / "made" / "here").files
    assert file.new == tmp_path / "made" / "here" / "tickets.fixed.csv"
    assert not (data.parent / "tickets.fixed.csv").exists()
    with pytest.raises(DataError, match="Name another folder with --out"):
        apply(fixes, data / "below a file")


def test_nothing_accepted_writes_nothing(data: Path, fixes: Path) -> None:
    before = sorted(p.name for p in data.parent.iterdir())
    applied = apply(fixes)
    assert list(applied_lines(applied)) == [
        "No fix is accepted, so nothing was written: 0 rejected, 4 undecided."
    ]
    assert sorted(p.name for p in data.parent.iterdir()) == before


def test_another_file_than_the_audited_one_is_refused(data: Path, fixes: Path) -> None:
    decide(fixes, {COPY_ROW: "accept"})
    with data.open("ab") as file:
        file.write(b"one more,exchange_rate\r\n")
    before = sorted(p.name for p in data.parent.iterdir())
    with pytest.raises(DataError, match=r"isn't the one that was audited .* Audit it again"):
        apply(fixes)
    data.unlink()
    with pytest.raises(FileMissing):
        apply(fixes)
    assert sorted(p.name for p in data.parent.iterdir()) == [n for n in before if n != data.name]


def edited(fixes: Path, old: str, new: str) -> Path:
    text = fixes.read_text(encoding="utf-8")
    assert old in text
    fixes.write_text(text.replace(old, new, 1), encoding="utf-8")
    return fixes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            f'row: "tickets.csv:{COPY}"',
            'row: "tickets.csv:99"',
            "there is no row 99 in tickets.csv",
        ),
        (f'row: "tickets.csv:{COPY}"', 'row: "tickets.csv:x"', "'tickets.csv:x' is no row"),
        (f'row: "tickets.csv:{COPY}"', 'row: "ticket.csv:3"', "Did you mean 'tickets.csv'?"),
        (
            f'row: "tickets.csv:{COPY}"',
            f'row: "tickets.csv:{QUOTES}"',
            f"the row tickets.csv:{QUOTES} would be deleted here and relabelled on line",
        ),
        (
            f'- row: "tickets.csv:{LINES}"',
            f'- row: "tickets.csv:{QUOTES}"\n    action: relabel\n    value: other\n'
            f'  - row: "tickets.csv:{LINES}"',
            f"the row tickets.csv:{QUOTES} would be relabelled in two ways, here and on line",
        ),
        (
            f'row: "tickets.csv:{LINES}"',
            'row: "tickets.csv:5"',
            "the row tickets.csv:5 isn't the one that the fix was made for",
        ),
        ("can't log in, write to [EMAIL]", "can't log in", "'hidden' stands below an edited"),
        ("    hidden: ", "    hidden: 1", "'hidden' isn't the one of the audit"),
    ],
)
def test_what_cannot_be_is_told_with_its_line_before_anything_is_written(
    data: Path, fixes: Path, old: str, new: str, told: str
) -> None:
    accept_all(edited(fixes, old, new))
    before = sorted(p.name for p in data.parent.iterdir())
    with pytest.raises((FixesFileError, DataError)) as error:
        apply(fixes)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    if isinstance(error.value, FixesFileError):
        assert str(error.value).startswith(f"{fixes}:")
    assert sorted(p.name for p in data.parent.iterdir()) == before


def test_a_hidden_value_may_be_replaced_by_what_stands_there(data: Path, fixes: Path) -> None:
    decide(fixes, {LOGIN_ROW: "accept"})
    text = fixes.read_text(encoding="utf-8")
    hidden = next(line for line in text.splitlines() if "    hidden: " in line)
    edited(fixes, f"{hidden}\n", "")
    [file] = apply(fixes).files
    assert '"I can\'t log in, write to [EMAIL]",exchange_rate' in file.new.read_text(
        encoding="utf-8"
    )


def test_a_row_may_be_rewritten_and_relabelled(data: Path, fixes: Path) -> None:
    line = f'- row: "tickets.csv:{QUOTES}"'
    also = f'- row: "tickets.csv:{QUOTES}"\n    action: rewrite\n    value: "new text"\n  {line}'
    accept_all(edited(fixes, line, also))
    [file] = apply(fixes).files
    assert '"new text",card_arrival\r\n' in file.new.read_bytes().decode()


def test_labels_that_come_or_go_are_named(data: Path, fixes: Path) -> None:
    edited(fixes, "value: card_arrival", "value: card_arival")
    decide(fixes, {QUOTES_ROW: "accept", LINES_ROW: "accept"})
    applied = apply(fixes)
    assert applied.files[0].new_labels == ("card_arival",)
    assert applied.files[0].lost_labels == ("CARD_ARRIVAL",)
    assert any("slip of the pen?): 'card_arival'" in line for line in applied_lines(applied))


def test_a_killed_call_leaves_nothing_that_a_later_one_keeps(data: Path, fixes: Path) -> None:
    decide(fixes, {COPY_ROW: "accept"})
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, check=True, text=True)  # fmt: skip
    left = data.parent / f".tickets.csv.{ended.stdout.strip()}.partial"
    alive = data.parent / f".tickets.csv.{os.getppid()}.partial"
    for folder in (left, alive):
        folder.mkdir()
        (folder / "new.csv").write_text("half")
    apply(fixes)
    assert not left.exists()
    assert alive.exists()


def test_a_named_sheet_of_a_spreadsheet_is_mended(data: Path, audit: Callable[[], Audited]) -> None:
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    book.active.append(["another sheet", "with a row"])
    sheet = book.create_sheet("Tickets")
    for row in [("text", "label"), *ROWS]:
        sheet.append(row)
    spreadsheet = data.with_name("tickets.xlsx")
    book.save(spreadsheet)
    data.with_name("task.yaml").write_text(
        "task: tickets\ndata: {train: tickets.xlsx, sheet: Tickets}\n"
    )
    fixes = audit().folder.fixes
    decide(
        fixes,
        {
            (f"tickets.xlsx:{n}", what): "accept"
            for n, what in ((LOGIN, "rewrite"), (COPY, "delete"))
        },
    )
    [file] = apply(fixes).files
    assert (file.rows_before, file.rows_after) == (94, 93)
    made = [row.values for row in read_table(data.with_name("tickets.fixed.xlsx")).rows()]
    expected = [list(row) for row in ROWS]
    expected[LOGIN - 1][0] = expected[LOGIN - 1][0].replace("can’t", "can't")
    del expected[COPY - 1]
    assert [list(row) for row in made] == expected
    [again] = apply(fixes).files
    assert again.new == file.new
