from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_run import made_run
from rich.console import Console

from tests.report.conftest import small_plan
from tunewise.files import read_record, write_json
from tunewise.records import Dataset, Verdict
from tunewise.report.terminal import print_verdict
from tunewise.workspace.folder import RunFolder

NAMES = ("encoder-minilm-l6", "probe-minilm-l6", "existing", "prompt-smollm2-135m", "majority")


def printed(folder: RunFolder, width: int) -> str:
    console = Console(width=width, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    with console.file:
        print_verdict(console, folder)
        return console.export_text()


@pytest.mark.parametrize("width", [40, 60, 76, 80, 94, 120])
def test_every_line_fits_the_terminal(run: tuple[RunFolder, Dataset], width: int) -> None:
    lines = printed(run[0], width).splitlines()
    paths = ("Report: ", "Use it: ")
    assert all(len(line.rstrip()) <= width for line in lines if not line.startswith(paths))


@pytest.mark.parametrize("width", [76, 80, 120])
def test_each_candidate_has_one_line_in_the_table(
    run: tuple[RunFolder, Dataset], width: int
) -> None:
    lines = printed(run[0], width).splitlines()
    for name in NAMES:
        found = [line for line in lines if line[2:].startswith(name) and "%" in line]
        assert len(found) == 1
        assert found[0].rstrip().endswith(("0", "1 s", "21 s", "14 s", "3 s"))


def test_narrow_terminal_has_two_lines_for_each_candidate(run: tuple[RunFolder, Dataset]) -> None:
    lines = printed(run[0], 40).splitlines()
    for name in NAMES:
        at = max(n for n, line in enumerate(lines) if line[2:].startswith(name))
        assert "%" in lines[at + 1]


def test_verdict_says_what_to_do_why_and_where_to_read_on(run: tuple[RunFolder, Dataset]) -> None:
    text = printed(run[0], 80)
    lines = text.splitlines()
    assert lines[1].startswith("Tune: encoder-minilm-l6")
    flat = " ".join(text.split())
    verdict = read_record(run[0].verdict, Verdict)
    for words in (verdict.sentence, *verdict.reasons):
        assert words in flat
    assert f"Report: {run[0].report}" in text
    assert "tunewise predict" in text
    assert "400 of the 3,080 test rows" in flat


def test_marks_tell_winner_and_finalists_without_colour(run: tuple[RunFolder, Dataset]) -> None:
    text = printed(run[0], 80)
    assert "\n> encoder-minilm-l6" in text
    assert "\n· existing" in text
    assert "\n  majority" in text


def test_paths_below_the_present_folder_are_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = made_run(tmp_path / "runs" / "my tickets", small_plan())
    monkeypatch.chdir(tmp_path)
    text = printed(folder, 80)
    assert "Report: runs/my tickets/report.html" in text
    assert "tunewise predict 'runs/my tickets' NEW-ROWS.csv" in text


def test_square_brackets_in_a_reason_are_no_markup(tmp_path: Path) -> None:
    folder, _ = made_run(tmp_path / "run", small_plan())
    verdict = read_record(folder.verdict, Verdict)
    reason = "[bold red]label[/bold red] \x1b[31m"
    write_json(folder.verdict, replace(verdict, winner=None, reasons=(reason,)))
    text = printed(folder, 80)
    assert "[bold red]label[/bold red] ␛[31m" in text
    assert "tunewise predict" not in text
