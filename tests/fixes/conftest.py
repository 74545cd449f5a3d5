"""A small task whose rows have copies, labels in capitals and curly quotes, audited for real."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.proposing import PROPOSING
from tunewise import intake
from tunewise.auditing import Audited, audited
from tunewise.fixes.document import Document, read_document, write_document
from tunewise.progress import Silent

EXAMPLE = Path(__file__).parents[2] / "examples" / "support-tickets" / "data" / "train.csv"
LABELS = ("card_arrival", "exchange_rate", "top_up_failed")


def real_rows() -> list[tuple[str, str]]:
    """Return 30 real tickets of each of three intents, no two with the same text."""
    found: dict[str, dict[str, str]] = {label: {} for label in LABELS}
    with EXAMPLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = " ".join(row["text"].split())
            if row["category"] in found and "’" not in text:
                found[row["category"]].setdefault(text.lower(), text)
    return [(text, label) for label in LABELS for text in list(found[label].values())[:30]]


REAL = real_rows()
ROWS = [
    *REAL,
    ("I can’t log in, write to ann@example.org", "exchange_rate"),
    REAL[0],
    ('He said "stop", twice', "CARD_ARRIVAL"),
    ("two lines,\r\nand an order", "CARD_ARRIVAL"),
]
LOGIN, COPY, QUOTES, LINES = range(len(REAL) + 1, len(REAL) + 5)  # their row numbers


def quoted(cell: str) -> str:
    """Return a cell as CSV, quoted only where it must be."""
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n') else cell


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return tickets.csv with a byte order mark and Windows line ends, beside it a task.yaml."""
    lines = ["text,label", *(f"{quoted(text)},{label}" for text, label in ROWS)]
    path = tmp_path / "tickets.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    (tmp_path / "task.yaml").write_text("task: tickets\ndata: {train: tickets.csv}\n")
    return path


@pytest.fixture
def proposing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the checks of tests/proposing.py the deep ones."""
    monkeypatch.setattr(intake, "DEEP", PROPOSING)


@pytest.fixture
def audit(data: Path, proposing: None) -> Callable[[], Audited]:
    """Return a function that audits the task."""

    def made() -> Audited:
        with audited(data.with_name("task.yaml"), Silent()) as found:
            return found

    return made


@pytest.fixture
def fixes(audit: Callable[[], Audited]) -> Path:
    """Return the fixes.yaml of an audit."""
    return audit().folder.fixes


def decide(path: Path, decisions: dict[tuple[str, str], str]) -> Document:
    """Set decisions by row and action, and return the document."""
    document, _ = read_document(path)
    findings = [
        finding.model_copy(
            update={
                "fixes": [
                    fix.model_copy(
                        update={"decision": decisions.get((fix.row, fix.action), fix.decision)}
                    )
                    for fix in finding.fixes
                ]
            }
        )
        for finding in document.findings
    ]
    document = document.model_copy(update={"findings": findings})
    write_document(path, document)
    return document


@contextmanager
def terminal(words: list[str], folder: Path, columns: int = 80) -> Iterator[tuple[int, int]]:
    """Start the command line in a pseudo-terminal; give its process and the terminal's end."""
    import fcntl
    import pty
    import struct
    import termios

    script = Path(__file__).parents[1] / "proposing.py"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    import subprocess

    code = f"import sys; sys.path[:0] = {sys.path!r}; import runpy; sys.argv[0] = 'tunewise';"
    code += f" runpy.run_path({str(script)!r}, run_name='__main__')"
    running = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns)},
    )
    os.close(theirs)
    try:
        yield running.pid, ours
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        os.close(ours)
