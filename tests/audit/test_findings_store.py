"""Faults these catch: personal data in the run folder's JSON, a value written masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.audit.store import load_findings, values_of, write_findings
from tunewise.errors import RunFolderError
from tunewise.records import Finding, Fix

FINDINGS = [
    Finding("a", "note", "r", "m", ("t.csv:1",)),
    Finding(
        "encoding",
        "warning",
        "r",
        "m",
        ("t.csv:2", "t.csv:3"),
        (
            Fix("t.csv:2", "rewrite", "café", "mojibake"),
            Fix("t.csv:3", "rewrite", "café, ann@example.org", "mojibake"),
            Fix("t.csv:3", "delete", None, "a copy"),
        ),
    ),
]


def test_findings_come_back_with_whole_values_that_the_json_has_not(tmp_path: Path) -> None:
    written = write_findings(tmp_path / "audit.json", FINDINGS)
    assert load_findings(tmp_path / "audit.json") == FINDINGS
    text = (tmp_path / "audit.json").read_text(encoding="utf-8")
    assert "ann@" not in text
    assert "café, [EMAIL]" in text
    assert written == [tmp_path / "audit.json", tmp_path / "audit.values.parquet"]


def test_lost_values_are_told(tmp_path: Path) -> None:
    write_findings(tmp_path / "audit.json", FINDINGS)
    values_of(tmp_path / "audit.json").unlink()
    with pytest.raises(RunFolderError, match="run the audit again"):
        load_findings(tmp_path / "audit.json")
