"""Faults these catch: an audit done twice or lost, a decision lost, files where none belong.

Real rows, the real command line.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixes.conftest import COPY, LINES, LOGIN, audit, data, decide, fixes, proposing
from tunewise import intake, pipeline
from tunewise.auditing import Audited, audited
from tunewise.data.read import read_dataset
from tunewise.data.store import load_dataset
from tunewise.errors import DataError, RunFolderError
from tunewise.files import read_json, read_record
from tunewise.fixes.document import all_fixes, counts, read_document
from tunewise.progress import Silent
from tunewise.records import Dataset, Finding
from tunewise.workspace.folder import RunFolder, held

__all__ = ["audit", "data", "fixes", "proposing"]  # fixtures

LOGIN_ROW, COPY_ROW = (f"tickets.csv:{LOGIN}", "rewrite"), (f"tickets.csv:{COPY}", "delete")


def tunewise(*words: str, cwd: Path, script: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with the checks of tests/proposing.py."""
    return subprocess.run(
        command(*words), cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def command(*words: str) -> list[str]:
    script = Path(__file__).parent / "proposing.py"
    code = f"import sys; sys.path[:0] = {sys.path!r}; import runpy; sys.argv[0] = 'tunewise';"
    return [
        *(sys.executable, "-c", f"{code} runpy.run_path({str(script)!r}, run_name='__main__')"),
        *words,
    ]


def stamps(folder: RunFolder) -> dict[str, int]:
    return {
        str(p.relative_to(folder.path)): p.stat().st_mtime_ns
        for p in folder.path.rglob("*")
        if p.is_file() and p.name != "lock"
    }


def test_an_audit_leaves_what_it_found_and_a_second_does_nothing(
    audit: Callable[[], Audited],
) -> None:
    found = audit()
    folder = found.folder
    findings = read_record(folder.findings, list[Finding])
    assert [one.severity for one in findings] == sorted(
        (one.severity for one in findings), key=["error", "warning", "note"].index
    )
    assert {"spelled", "copies", "characters"} <= {one.check for one in findings}
    checks = {check.__name__ for check in (*intake.QUICK, *intake.DEEP)}
    assert set(read_json(folder.timing_of(folder.findings))) == checks
    assert folder.audit_page.stat().st_size > 0
    before = stamps(folder)
    audit()
    assert stamps(folder) == before


def test_a_later_run_does_not_read_or_check_again_and_links_the_page(
    audit: Callable[[], Audited], data: Path
) -> None:
    task = data.with_name("task.yaml")
    task.write_text("task: tickets\ndata: {train: tickets.csv}\ncandidates: [majority]\n")
    before = stamps(audit().folder)
    folder = pipeline.run(task, Silent())
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    assert 'href="audit.html"' in folder.report.read_text(encoding="utf-8")
    data.write_bytes(data.read_bytes() + b"one more,exchange_rate\r\n")
    pipeline.run(task, Silent())
    assert 'href="audit.html"' not in folder.report.read_text(encoding="utf-8"), "of other rows"


def test_an_audit_after_a_run_uses_its_rows(audit: Callable[[], Audited], data: Path) -> None:
    task = data.with_name("task.yaml")
    task.write_text("task: tickets\ndata: {train: tickets.csv}\ncandidates: [majority]\n")
    before = stamps(pipeline.run(task, Silent()))
    after = stamps(audit().folder)
    assert {name: after[name] for name in before} == before


def test_rows_alone_are_audited_and_nothing_is_written_beside_them(
    data: Path,
    proposing: None,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    data.with_name("task.yaml").unlink()
    with audited(data, Silent()) as found:
        assert found.folder.path == Path("runs/tickets-audit")
        assert found.fixes is not None
        assert {fix.row for _, _, _, fix in all_fixes(found.fixes)} >= {COPY_ROW[0]}
    assert [p.name for p in data.parent.iterdir()] == ["tickets.csv"]
    assert [p.name for p in here.iterdir()] == ["runs"]
    with audited(data, Silent(), here / "other") as found:
        assert found.folder.path == here / "other" / "tickets-audit"


def test_two_files_of_one_name_do_not_share_a_folder(
    data: Path, proposing: None, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "tickets.csv"
    other.parent.mkdir()
    shutil.copy(data, other)
    with audited(data, Silent(), tmp_path / "runs"):
        pass
    with (
        pytest.raises(RunFolderError, match="holds the audit of another file"),
        audited(other, Silent(), tmp_path / "runs"),
    ):
        pass
    assert (tmp_path / "runs" / "tickets-audit" / "fixes.yaml").exists()


def test_decisions_are_carried_over_when_rows_move_and_the_old_file_is_kept(
    audit: Callable[[], Audited], data: Path, fixes: Path
) -> None:
    decide(fixes, {LOGIN_ROW: "accept", COPY_ROW: "reject"})
    old = fixes.read_text(encoding="utf-8")
    lines = data.read_bytes().split(b"\r\n")
    data.write_bytes(b"\r\n".join([lines[0], b"a new first row,exchange_rate", *lines[1:]]))
    document = audit().fixes
    assert document is not None
    decided = {fix.row: fix.decision for _, _, _, fix in all_fixes(document)}
    assert decided[f"tickets.csv:{LOGIN + 1}"] == "accept"
    assert decided[f"tickets.csv:{COPY + 1}"] == "reject"
    assert decided[f"tickets.csv:{LINES + 1}"] == "undecided"
    assert fixes.with_name("fixes.1.yaml").read_text(encoding="utf-8") == old


def test_an_edited_file_of_fixes_is_left_alone_while_the_findings_stay(
    audit: Callable[[], Audited], fixes: Path
) -> None:
    text = fixes.read_text(encoding="utf-8").replace("value: card_arrival", "value: other", 1)
    fixes.write_text(text + "# mine\n", encoding="utf-8")
    audit()
    assert fixes.read_text(encoding="utf-8") == text + "# mine\n"
    fixes.write_text("findings: [", encoding="utf-8")
    with pytest.raises(Exception, match="this isn't YAML"):
        audit()
    assert fixes.read_text(encoding="utf-8") == "findings: ["


def test_a_file_that_changes_while_it_is_read_is_refused(
    audit: Callable[[], Audited], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: object, **more: object) -> Dataset:
        dataset = read_dataset(*arguments, **more)  # type: ignore[arg-type]
        data.write_bytes(data.read_bytes() + b"late,exchange_rate\r\n")
        return dataset

    monkeypatch.setattr(intake, "read_dataset", slow)
    with pytest.raises(DataError, match="was changed while it was read"):
        audit()
    assert not (data.parent / "runs").exists()


@pytest.mark.slow
def test_an_audit_killed_at_any_moment_carries_on_to_the_same_findings(
    data: Path, audit: Callable[[], Audited], tmp_path: Path
) -> None:
    moments = random.Random(0)
    for _ in range(8):
        running = subprocess.Popen(
            command("audit", "--runs", "killed"),
            cwd=data.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.5, 3))
        running.send_signal(signal.SIGKILL)
        running.wait()
    ended = tunewise("audit", "--runs", "killed", cwd=data.parent)
    assert ended.returncode == 0, ended.stderr
    folder = RunFolder(data.parent / "killed" / "tickets")
    assert not list(folder.path.rglob("*.partial"))
    assert not list(folder.stages.glob("*.begun.json"))
    whole = audit().folder
    for path in (folder.findings, folder.fixes, folder.dataset, folder.splits):
        assert path.read_bytes() == (whole.path / path.relative_to(folder.path)).read_bytes()


def test_a_folder_in_use_is_refused(data: Path) -> None:
    with held(data.parent / "runs" / "tickets"):
        ended = tunewise("audit", cwd=data.parent)
    assert ended.returncode == 2
    assert "the run folder is in use by process" in ended.stderr


def test_a_full_disk_is_one_line_and_the_audit_carries_on_with_more_room(data: Path) -> None:
    small = data.parent / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system isn't allowed here")
    try:
        for size, status in (("12k", 2), ("32k", 2), ("60k", 2), ("2m", 0)):
            subprocess.run(["mount", "-o", f"remount,size={size}", str(small)], check=True)
            ended = tunewise("audit", "--runs", str(small), cwd=data.parent)
            assert ended.returncode == status, ended.stderr
            assert "Traceback" not in ended.stderr
            if status:
                assert "the disk is full" in ended.stderr.splitlines()[-1]
        fixes = small / "tickets" / "fixes.yaml"
        decide(fixes, {COPY_ROW: "accept"})
        room = size_of(small) // 1024 + 4  # the list of changes fits, the new file doesn't
        subprocess.run(["mount", "-o", f"remount,size={room}k", str(small)], check=True)
        ended = tunewise("audit", "--apply", str(fixes), "--out", str(small), cwd=data.parent)
        assert ended.returncode == 2, ended.stdout
        assert "the disk is full" in ended.stderr
        assert sorted(p.name for p in small.iterdir()) == ["tickets"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def size_of(folder: Path) -> int:
    about = os.statvfs(folder)
    return (about.f_blocks - about.f_bfree) * about.f_frsize


def test_json_is_findings_alone_one_a_line(data: Path) -> None:
    ended = tunewise("audit", "--json", cwd=data.parent)
    findings = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [*findings[0]] == ["check", "severity", "reason", "mend", "rows", "fixes"]
    assert findings[0]["severity"] == "error"
    assert all(json.loads(line)["event"] for line in ended.stderr.splitlines())
    assert "ann@" not in ended.stdout


@pytest.mark.parametrize(("fail_on", "status"), [("error", 3), ("warning", 3), ("note", 3)])
def test_findings_fail_a_build_that_asks_for_it(data: Path, fail_on: str, status: int) -> None:
    ended = tunewise("audit", "--fail-on", fail_on, cwd=data.parent)
    assert ended.returncode == status
    assert "--fail-on" in ended.stderr.splitlines()[-1]
    assert ended.stdout, "what was found is told all the same"


def test_milder_findings_do_not_fail_a_build(data: Path) -> None:
    text = data.read_text(encoding="utf-8-sig").replace("CARD_ARRIVAL", "card_arrival")
    data.write_text(text, encoding="utf-8")
    assert tunewise("audit", "--fail-on", "error", cwd=data.parent).returncode == 0
    assert tunewise("audit", "--fail-on", "warning", cwd=data.parent).returncode == 3
    assert tunewise("audit", cwd=data.parent).returncode == 0


def test_what_is_printed_fits_80_columns_and_says_what_to_do_next(data: Path) -> None:
    ended = subprocess.run(
        command("audit"),
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    lines = ended.stdout.splitlines()
    assert not [line for line in lines if len(line) > 80]
    assert not [line for line in lines if line != line.rstrip()]
    said = ended.stdout
    assert said.index("error  spelled  2 rows, 2 proposed changes") < said.index("warning  copies")
    assert "→ Keep one." in said
    assert "I can’t log in, write to [EMAIL]" in said
    assert "Decide: tunewise audit --review\n" in said
    assert "Apply:  tunewise audit --apply runs/tickets/fixes.yaml\n" in said


def test_applying_is_told_and_goes_with_no_other_option(data: Path, fixes: Path) -> None:
    decide(fixes, {COPY_ROW: "accept"})
    ended = tunewise("audit", "--apply", str(fixes), cwd=data.parent)
    assert ended.returncode == 0, ended.stderr
    assert "Wrote tickets.fixed.csv: 93 of 94 rows; 1 deleted\n" in ended.stdout
    assert counts(read_document(fixes)[0])["accept"] == 1
    for more in ("--review", "--json", "--fail-on=note", "task.yaml2"):
        ended = tunewise("audit", "--apply", str(fixes), more, cwd=data.parent)
        assert ended.returncode == 2
        assert "goes with --out alone" in ended.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing.csv"], "nothing.csv: the file isn't there"),
        (["nothing.yaml"], "nothing.yaml: the task file isn't there"),
        (["--apply", "nothing.yaml"], "the file of fixes isn't there"),
        (["."], "this is a folder, not a task file. Did you mean 'task.yaml'?"),
    ],
)
def test_bad_input_is_one_line(data: Path, words: list[str], told: str) -> None:
    ended = tunewise("audit", *words, cwd=data.parent)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (data.parent / "runs").exists()


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202eevil\u202c",
    "x" * 999_999,
    "[bold]markup[/bold] {{ 7*7 }}",
    "e\u0301\u0302\u0303" * 200,
]


def test_hostile_rows_harm_neither_terminal_nor_page(data: Path) -> None:
    import csv

    with data.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((text, "card_arrival") for text in HOSTILE * 2)
    ended = tunewise("audit", cwd=data.parent)
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stdout
    assert "\u202e" not in ended.stdout
    folder = RunFolder(data.parent / "runs" / "tickets")
    page = folder.audit_page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "(999,999 characters in all)" in page
    assert len(page) < 500_000
    text = folder.fixes.read_text(encoding="utf-8")
    assert "\x1b" not in text
    decide(folder.fixes, {})  # it can be read and written again
    document, _ = read_document(folder.fixes)
    ids = {row.id for row in load_dataset(folder).examples}
    assert all(fix.id in ids for _, _, _, fix in all_fixes(document))
